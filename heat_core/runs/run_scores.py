"""Numbers of a run: scores, energies and metrics, by scored set and through a lens."""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.composition import HEAT, PLAIN, Lens, Scale
from heat_core.errors import HeatError
from heat_core.metrics import evaluate
from heat_core.runs.experiment import ID, Experiment
from heat_core.runs.metadata_columns import Columns
from heat_core.runs.results_file import BETA_FILE, ENERGIES, RunRecord, read_beta
from heat_core.runs.row_names import COMBINED, CORRECTED, corrected_row, title_in_run, title_of
from heat_core.runs.set_record import SetRecord


class RunScores:
    """Numbers that a run's folder holds.

    Attributes:
        folder: folder of the run.
        info: content of run.json.
    """

    def __init__(self, folder: Path, info: dict[str, Any]) -> None:
        self.folder, self.info = folder, info

    @cached_property
    def experiment(self) -> Experiment:
        """Settings with which the run was started."""
        return Experiment.from_dict(self.info["experiment"], self.folder)

    @property
    def score_title(self) -> str | None:
        """Title of the one score of a run that `heat_core.explore` wrote; None where the scores are HEAT's."""
        return self.info.get("score_title")

    @property
    def has_energies(self) -> bool:
        """Whether the energies of the priors and the scores of the fast detectors are there."""
        return (self.folder / ENERGIES).exists()

    @cached_property
    def record(self) -> RunRecord:
        """Results of the run.

        Raises:
            HeatError: where they are missing or damaged.
        """
        record = RunRecord.load(self.folder / ENERGIES)
        if len(record.sets) != len(self.datasets):
            raise HeatError(
                f"{self.folder / ENERGIES} holds {len(record.sets)} sets where the run has {len(self.datasets)}: "
                "delete it and resume the run."
            )
        return record

    @property
    def datasets(self) -> list[str]:
        """Names of the scored sets: `id` (the ID test set), then the OOD sets, then the shifted sets."""
        return [ID, *self.experiment.scored_sets]

    @property
    def ood_names(self) -> list[str]:
        """Names of the OOD sets."""
        return list(self.experiment.ood)

    @property
    def shifted_names(self) -> list[str]:
        """Names of the shifted sets: images of the ID's classes under other conditions, which count as known."""
        return list(self.experiment.shifted)

    @property
    def scale(self) -> Scale:
        """Corrected priors, and the scale by which their hybrid energies are standardised."""
        return self.record.scale

    @property
    def priors(self) -> list[str]:
        """Priors whose residual is trained so far, in the order of the columns of `energies`."""
        return list(self.scale.priors)

    @property
    def detectors(self) -> list[str]:
        """Names of everything that has a score, in the order of the tables."""
        if self.score_title is not None:
            return [HEAT]
        corrected = [corrected_row(p) for p in self.priors]
        return [*self.record.titles, *corrected, *([HEAT] if corrected else [])]

    @property
    def combined(self) -> list[str]:
        """Names of the rows that combine p-values of the corrected priors, which are computed when asked for."""
        return [row for row in COMBINED if row not in self.record.titles] if len(self.priors) > 1 else []

    def title(self, detector: str) -> str:
        """Return a detector's title as in the paper's tables; `heat-gmm+el` is a subset of the priors (Tab. 3)."""
        if detector == HEAT and self.score_title is not None:
            return self.score_title
        return title_of(detector, self.record.titles)

    def prior_title(self, prior: str) -> str:
        """Return a prior's title in formulas and lists, also where its plugin is not installed."""
        return title_in_run(prior, self.record.titles)

    @property
    def left_out(self) -> dict[str, str]:
        """Detectors and priors that could not run → reason."""
        return self.record.left_out

    @property
    def accuracy(self) -> float | None:
        """Accuracy of the classifier on the ID test set; None where its labels are not known."""
        return self.record.accuracy

    @property
    def suggested_beta(self) -> float | None:
        """β chosen without OOD data (see `heat_core.energies.beta_selection`); None until the residuals are trained."""
        return read_beta(self.folder / BETA_FILE)

    def _set(self, dataset: str) -> SetRecord:
        if dataset not in self.datasets:
            raise HeatError(f"This run has no set {dataset!r}: it has {', '.join(self.datasets)}.")
        return self.record.sets[self.datasets.index(dataset)]

    def prior_energies(self, dataset: str) -> np.ndarray:
        """Return the (N, K) prior energies E_q / T, which the residuals correct."""
        return self._set(dataset).prior

    def residual_energies(self, dataset: str) -> np.ndarray:
        """Return the (N, K) residual energies E_θ."""
        return self._set(dataset).residual

    def energies(self, dataset: str) -> np.ndarray:
        """Return the (N, K) standardised hybrid energies (Eq. 2, App. A.2)."""
        return self.scale.standardise(self._set(dataset).hybrid)

    def scores(self, dataset: str, lens: Lens = PLAIN) -> np.ndarray:
        """Return the (N,) HEAT scores through a lens; larger = more out-of-distribution."""
        return self.scale.scores(self._set(dataset).hybrid, lens)

    def detector_scores(self, dataset: str, detector: str, lens: Lens = PLAIN) -> np.ndarray:
        """Return the (N,) scores of any detector by its name in the tables.

        Args:
            dataset: name of the scored set.
            detector: name of the detector, or one of `combined`.
            lens: composition of `heat`; no other scores depend on it.

        Raises:
            HeatError: where the run has no such set or detector.
        """
        if detector == HEAT:
            return self.scores(dataset, lens)
        if detector.startswith(CORRECTED):
            return self.scores(dataset, Lens(priors=(detector.removeprefix(CORRECTED),)))
        if detector in self.combined:
            return self.combined_scores(detector, None if dataset == ID else self._set(dataset).hybrid)
        if detector not in self.record.titles:
            raise HeatError(f"This run has no detector {detector!r}: it has {', '.join(self.detectors)}.")
        return self._set(dataset).scores[detector]

    def combined_scores(self, method: str, hybrid: np.ndarray | None = None) -> np.ndarray:
        """Combine the p-values of the hybrid energies of all corrected priors (see `guard.combined_p_values`).

        The ID test images calibrate, since they are the only known images of a run on which nothing was fitted.

        Args:
            method: one of `combined`.
            hybrid: (N, K) hybrid energies of the images to score; None = those of the ID test images.

        Returns:
            (N,) scores; larger is more out-of-distribution.
        """
        from heat_core.guard.combined_p_values import combined_scores  # imports scipy.stats, which takes long

        return combined_scores(self._set(ID).hybrid, hybrid, method)

    def threshold(self, detector: str = HEAT, lens: Lens = PLAIN) -> float:
        """Return the score above which a sample is called OOD.

        It is the 95th percentile of the ID test scores, or the lens's own threshold.
        """
        return lens.threshold_for(detector, self.detector_scores(ID, detector, lens))

    def metrics(
        self, lens: Lens = PLAIN, detectors: list[str] | None = None, full_spectrum: bool = False
    ) -> dict[str, dict[str, dict[str, float]]]:
        """Evaluate detectors: detector → OOD set (and `average`) → fpr95, auroc, aupr_in, aupr_out.

        With `full_spectrum`, the known images are those of the ID test set and of the shifted sets together; otherwise
        those of the ID test set.
        """
        known = [ID, *(self.shifted_names if full_spectrum else ())]
        return {
            d: evaluate(
                np.concatenate([self.detector_scores(name, d, lens) for name in known]),
                {name: self.detector_scores(name, d, lens) for name in self.ood_names},
            )
            for d in (detectors or self.detectors)
        }

    def ids(self, dataset: str) -> np.ndarray:
        """Return the (N,) stable ids of the samples."""
        return self._set(dataset).ids

    @property
    def training_ids(self) -> np.ndarray:
        """Stable ids of the training samples."""
        return self.record.training_ids

    def labels(self, dataset: str) -> np.ndarray | None:
        """Return the (N,) classes, or None where the set has none."""
        return self._set(dataset).labels

    def predicted(self, dataset: str) -> np.ndarray:
        """Return the (N,) predicted classes; clusters, where the ID set has no classes."""
        return self._set(dataset).predicted

    def confidence(self, dataset: str) -> np.ndarray:
        """Return the (N,) softmax probabilities of the predicted class."""
        return self._set(dataset).confidence

    def columns(self, dataset: str) -> Columns:
        """Return the further columns of a set's manifest, name → (N,); {} where no manifest lists the set."""
        return self._set(dataset).columns
