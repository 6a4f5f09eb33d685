"""The rows of a comparison: a detector of a run, and how HEAT is composed."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from heat_core.composition import HEAT, PLAIN, Lens
from heat_core.energies.names import PRIOR_TITLES
from heat_core.runs.row_names import corrected_row, evidence_of
from heat_core.runs.run import Run


@dataclass(frozen=True)
class Entry:
    """One row of a comparison: a detector of a run, seen through a lens.

    Attributes:
        run: whose scores they are.
        detector: its name.
        lens: composes HEAT, or a subset of its priors (Tab. 3).
        label: of the row; empty = the detector's title.
        other_seeds: the same run with other seeds. The row is then the mean over all of them; its interval holds the
            choice of the seed, too.
    """

    run: Run
    detector: str
    lens: Lens = PLAIN
    label: str = ""
    other_seeds: tuple[Run, ...] = ()

    def scores(self, dataset: str) -> list[np.ndarray]:
        """(N,) scores of a set, of each seed."""
        return [run.detector_scores(dataset, self.detector, self.lens) for run in (self.run, *self.other_seeds)]

    @property
    def evidence(self) -> str:
        """What the row judges by, "" where that is not known."""
        composed = self.lens.select_priors(self.run.priors) if self.detector == HEAT else ()
        return evidence_of(self.detector, self.run.record.evidence, composed)


def entries_of(
    run: Run, detectors: Sequence[str] | None = None, lens: Lens = PLAIN, subsets: bool = False, named: bool = False
) -> list[Entry]:
    """A run's rows.

    Args:
        run: whose they are.
        detectors: the chosen ones; default: all.
        lens: composes HEAT's row, and its β the subsets.
        subsets: whether every subset of the corrected priors follows (Tab. 3).
        named: whether the run's name stands after each row's title.
    """
    suffix = f" · {run.experiment.name or run.id}" if named else ""
    rows = [
        Entry(run, d, lens, (composition(run, lens) if d == HEAT else run.title(d)) + suffix)
        for d in (run.detectors if detectors is None else detectors)
    ]
    if subsets:
        for size in range(2, len(run.priors)):
            for chosen in combinations(run.priors, size):
                rows.append(Entry(run, HEAT, Lens(lens.beta, chosen), run.title(corrected_row(*chosen)) + suffix))
    return rows


def composition(run: Run, lens: Lens) -> str:
    """HEAT's row by what it is composed of: all priors, some of them, with weights."""
    chosen = lens.select_priors(run.priors)
    if lens.weights:
        return "HEAT, " + " + ".join(f"{w:g} {PRIOR_TITLES[p]}" for p, w in zip(chosen, lens.weights, strict=True))
    return "HEAT" if set(chosen) == set(run.priors) else run.title(corrected_row(*chosen))


def interleave_runs(entries_by_run: Sequence[Sequence[Entry]]) -> list[Entry]:
    """The rows of several runs in one order: those of the same detector, or subset of priors, next to each other."""
    rows: dict[tuple[str, object], list[Entry]] = {}
    for entries in entries_by_run:
        detectors: set[str] = set()
        for entry in entries:  # a run's HEAT comes before its subsets, whatever it is composed of
            subset = entry.lens.priors if entry.detector in detectors else None
            rows.setdefault((entry.detector, subset), []).append(entry)
            detectors.add(entry.detector)
    return [entry for group in rows.values() for entry in group]


@dataclass(frozen=True)
class ScoreSource:
    """Where a row's scores come from: a run, by its name, a detector and how it is composed."""

    run: str
    detector: str
    lens: Lens = PLAIN
