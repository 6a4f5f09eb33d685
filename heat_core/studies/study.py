"""What a study is: the settings that it runs, and what it shows of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from heat_core import detectors
from heat_core.analysis.comparison_rows import Entry
from heat_core.composition import PLAIN, Lens
from heat_core.runs.experiment import Experiment
from heat_core.runs.run import Run
from heat_core.studies.results import Result

EBM = "ebm"


@dataclass(frozen=True)
class StudySetting:
    """One of the things that a study compares.

    Attributes:
        label: of it, as figures print it.
        experiment: what is run, with any seed.
        value: of what is varied, where that is a number.
    """

    label: str
    experiment: Experiment
    value: float = 0.0

    def with_seed(self, seed: int, first: bool) -> Experiment:
        """Its Experiment with a seed. What does not hang on it (all detectors but the EBM) is fitted with the first
        one only."""
        names = self.experiment.detectors
        fitted = names if first else [d for d in detectors.resolve(names) if d == EBM]
        return replace(self.experiment, seed=seed, detectors=fitted)


@dataclass(frozen=True)
class FinishedRuns:
    """The runs of a study that are done.

    Attributes:
        runs: for each setting that has any, its runs, a seed each.
        measurements: what was measured beside them.
    """

    runs: tuple[tuple[StudySetting, tuple[Run, ...]], ...]
    measurements: dict[str, Any] = field(default_factory=dict)

    def runs_of(self, label: str) -> tuple[Run, ...]:
        """The runs of one setting; none where it has not come that far."""
        return next((runs for setting, runs in self.runs if setting.label == label), ())


Vary = Callable[[Experiment, Sequence[float]], list[StudySetting]]
Show = Callable[[FinishedRuns], list[Result]]
Measure = Callable[[Run, Path], dict[str, Any]]


@dataclass(frozen=True)
class Study:
    """A study.

    Attributes:
        title: what it answers.
        paper_reference: which tables and figures of the paper it repeats.
        vary: the base and the values → its settings.
        show: what is shown of those that are done.
        values: of what is varied, unless others are asked for.
        measure: measures something on the first run, in the study's own process.
    """

    title: str
    paper_reference: str
    vary: Vary
    show: Show
    values: tuple[float, ...] = ()
    measure: Measure | None = None


def row_over_seeds(runs: Sequence[Run], detector: str, lens: Lens = PLAIN, label: str = "") -> Entry | None:
    """A table's row over the seeds: of those runs that have the detector."""
    with_detector = [run for run in runs if detector in run.detectors]
    if not with_detector:
        return None
    return Entry(with_detector[0], detector, lens, label, tuple(with_detector[1:]))


def rows_over_seeds(runs: Sequence[Run], names: Sequence[str]) -> list[Entry]:
    """The rows of those detectors that there are."""
    return [entry for name in names if (entry := row_over_seeds(runs, name))]


def main_setting(base: Experiment) -> StudySetting:
    """The setting that most studies share: the base as it is, with the EBM beside it."""
    return StudySetting("base", replace(base, detectors=list(dict.fromkeys([*base.detectors, EBM]))))
