"""Definition of a study: its settings, and how their runs are shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
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
    """One setting that a study compares with others.

    Attributes:
        label: name of the setting, as figures print it.
        experiment: experiment to run; its seed is replaced.
        value: value of the varied setting, where that is a number.
    """

    label: str
    experiment: Experiment
    value: float = 0.0

    def with_seed(self, seed: int, first: bool) -> Experiment:
        """Return the Experiment with a seed.

        Detectors that do not depend on the seed (all but the EBM) are fitted only where `first` is true.
        """
        names = self.experiment.detectors
        fitted = names if first else [d for d in detectors.resolve(names) if d == EBM]
        return replace(self.experiment, seed=seed, detectors=fitted)


@dataclass(frozen=True)
class FinishedRuns:
    """Finished runs of a study.

    Attributes:
        runs: (setting, its finished runs, one per seed), for each setting that has any.
        measurements: result of the study's `measure`; empty before.
    """

    runs: tuple[tuple[StudySetting, tuple[Run, ...]], ...]
    measurements: dict[str, Any] = field(default_factory=dict)

    def runs_of(self, label: str) -> tuple[Run, ...]:
        """Return the finished runs of the setting with a label; empty where there is none yet."""
        return next((runs for setting, runs in self.runs if setting.label == label), ())


Vary = Callable[[Experiment, Sequence[float]], list[StudySetting]]
Show = Callable[[FinishedRuns], list[Result]]
Measure = Callable[[Run, Callable[[str], None]], dict[str, Any]]
Require = Callable[[Experiment], None]


@dataclass(frozen=True)
class Study:
    """A study of the catalogue.

    Attributes:
        title: title as the app and the report print it.
        paper_reference: tables and figures of the paper that it repeats.
        vary: function of the base and the values that returns the settings.
        show: function of the finished runs that returns the results.
        values: default values of the varied setting.
        measure: function that measures the first run, in the study's own process, and reports what it does in
            sentences; None: there is nothing to measure.
        require: function that refuses a base whose sets the study cannot use, before its first run.
        more_work: sentence about what `measure` does for long and an estimate of the time leaves out; "": nothing.
        uses_seeds: whether the results depend on the seed; otherwise there are runs of the first seed alone.
    """

    title: str
    paper_reference: str
    vary: Vary
    show: Show
    values: tuple[float, ...] = ()
    measure: Measure | None = None
    require: Require | None = None
    more_work: str = ""
    uses_seeds: bool = True

    def seeds_of(self, asked: tuple[int, ...]) -> tuple[int, ...]:
        """Return the seeds among those asked for with which there are runs."""
        return asked if self.uses_seeds else asked[:1]


def row_over_seeds(runs: Sequence[Run], detector: str, lens: Lens = PLAIN, label: str = "") -> Entry | None:
    """Make a row that averages a detector over the runs that have it; None where none has."""
    with_detector = [run for run in runs if detector in run.detectors]
    if not with_detector:
        return None
    return Entry(with_detector[0], detector, lens, label, tuple(with_detector[1:]))


def rows_over_seeds(runs: Sequence[Run], names: Sequence[str]) -> list[Entry]:
    """Make a row over the seeds for each of the detectors `names` that a run has."""
    return [entry for name in names if (entry := row_over_seeds(runs, name))]


def main_setting(base: Experiment) -> StudySetting:
    """Make the setting that most studies share: the base with the EBM added to its detectors."""
    return StudySetting("base", replace(base, detectors=list(dict.fromkeys([*base.detectors, EBM]))))
