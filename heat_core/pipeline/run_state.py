"""State that the stages of a run share: each reads the results of earlier ones, and adds its own."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from heat_core.detectors import Context, Detector
from heat_core.energies.hybrid_model import HybridModel
from heat_core.features.columns import Column
from heat_core.features.features import Features
from heat_core.pipeline.run_detectors import ExclusionReasons, SelectedDetectors
from heat_core.pipeline.sources import Source
from heat_core.runs.events import Progress
from heat_core.runs.experiment import Experiment
from heat_core.runs.results_file import ENERGIES, RunRecord


@dataclass
class RunState:
    """State of a run between its stages fit, score_fast, train and score_slow.

    Attributes:
        folder: folder of the run.
        experiment: the experiment, with absolute paths.
        source: source of the features.
        progress: receives every step.
        detectors: detectors that can run (fit).
        reasons: detector or prior that cannot run → reason (fit).
        train: the training features (fit).
        model: the linear head that reads them, the fitted priors, and those whose residual is trained (fit, train).
        context: settings of the run that detectors may read (fit).
        fast_detectors: name → fitted fast detector (fit).
        scored_columns: extra columns of the scored sets that the fast detectors read (fit).
        scored: the features of the ID test set and of the OOD sets, by name (score_fast).
        prior_energies: prior → (N,) E_q of each scored set (score_fast).
        row_order: names of all rows that the tables will have, in their order (score_fast).
        record: the results so far, with the content of `energies.npz` (score_fast, train, score_slow).
    """

    folder: Path
    experiment: Experiment
    source: Source
    progress: Progress
    detectors: SelectedDetectors = field(init=False)
    reasons: ExclusionReasons = field(init=False)
    train: Features = field(init=False)
    model: HybridModel = field(init=False)
    context: Context = field(init=False)
    fast_detectors: dict[str, Detector] = field(init=False)
    scored_columns: tuple[Column, ...] = field(init=False)
    scored: dict[str, Features] = field(init=False)
    prior_energies: dict[str, list[np.ndarray]] = field(init=False)
    row_order: list[str] = field(init=False)
    record: RunRecord = field(init=False)

    def leave_out(self, name: str, sentence: str, stage: str = "priors") -> None:
        """Keep and report why a prior, or its residual, is left out."""
        self.reasons[name] = sentence
        self.progress(stage, sentence)

    def save_record(self) -> None:
        """Write `energies.npz`, so that the app shows the results so far, and a later job resumes here."""
        self.record.save(self.folder / ENERGIES)
