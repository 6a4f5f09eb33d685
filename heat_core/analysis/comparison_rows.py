"""Rows of a comparison: a detector of a run, and the composition of HEAT."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from heat_core.composition import HEAT, PLAIN, Lens
from heat_core.runs.experiment import ID
from heat_core.runs.row_names import corrected_row, evidence_of
from heat_core.runs.run import Run


@dataclass(frozen=True)
class Entry:
    """One row of a comparison: a detector of a run under a lens.

    Attributes:
        run: run that has the scores.
        detector: name of the detector.
        lens: composition of HEAT, or of a subset of its priors (Tab. 3).
        label: title of the row; empty: the detector's title.
        other_seeds: the same run with other seeds. The row is then the mean over all of them, and its interval covers
            the choice of the seed as well.
    """

    run: Run
    detector: str
    lens: Lens = PLAIN
    label: str = ""
    other_seeds: tuple[Run, ...] = ()

    def scores(self, dataset: str) -> list[np.ndarray]:
        """Return the (N,) scores of a set, one array per seed."""
        return [run.detector_scores(dataset, self.detector, self.lens) for run in (self.run, *self.other_seeds)]

    @property
    def shifted_names(self) -> tuple[str, ...]:
        """Names of the run's shifted sets in the order of the alphabet, so that runs with the same ones agree."""
        return tuple(sorted(self.run.shifted_names))

    def known_scores(self, full_spectrum: bool = False) -> list[np.ndarray]:
        """Return the (N,) scores of the known images, one array per seed.

        Args:
            full_spectrum: whether the images of the shifted sets count as known, after the ID test images, in the
                order of `shifted_names`.
        """
        names = (ID, *(self.shifted_names if full_spectrum else ()))
        return [np.concatenate(of_seed) for of_seed in zip(*map(self.scores, names), strict=True)]

    @property
    def evidence(self) -> str:
        """Evidence that the row's detector reads (logits, features, both, or gradients); "" where it is not known."""
        composed = self.lens.select_priors(self.run.priors) if self.detector == HEAT else ()
        if self.detector in self.run.combined:
            composed = tuple(self.run.priors)
        return evidence_of(self.detector, self.run.record.evidence, composed)


def entries_of(
    run: Run,
    detectors: Sequence[str] | None = None,
    lens: Lens = PLAIN,
    subsets: bool = False,
    named: bool | str = False,
) -> list[Entry]:
    """List the rows of a run.

    Args:
        run: a finished run.
        detectors: names of the detectors to list; default: all of the run.
        lens: composition of HEAT's row; the subsets use its β.
        subsets: whether a row for every proper subset of at least two corrected priors is added (Tab. 3).
        named: whether the run's name is appended to each row's title; a text is appended in place of the name.
    """
    name = named if isinstance(named, str) else run.experiment.name or run.id
    suffix = f" · {name}" if named else ""
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
    """Title HEAT's row after its composition: "HEAT" for all priors, else the chosen priors, with any weights."""
    chosen = lens.select_priors(run.priors)
    if lens.weights:
        return "HEAT, " + " + ".join(f"{w:g} {run.prior_title(p)}" for p, w in zip(chosen, lens.weights, strict=True))
    return "HEAT" if set(chosen) == set(run.priors) else run.title(corrected_row(*chosen))


def interleave_runs(entries_by_run: Sequence[Sequence[Entry]]) -> list[Entry]:
    """Merge the rows of several runs so that rows of the same detector, or subset of priors, are next to each other."""
    rows: dict[tuple[str, object], list[Entry]] = {}
    for entries in entries_by_run:
        detectors: set[str] = set()
        for entry in entries:  # the first HEAT row of a run is HEAT itself, the later ones are subsets of its priors
            subset = entry.lens.priors if entry.detector in detectors else None
            rows.setdefault((entry.detector, subset), []).append(entry)
            detectors.add(entry.detector)
    return [entry for group in rows.values() for entry in group]


@dataclass(frozen=True)
class ScoreSource:
    """Origin of a row's scores.

    Attributes:
        run: id of the run.
        detector: name of the detector.
        lens: composition of HEAT.
        values: pairs of a facet and its values, which describe the images that the row is about; (): those of the
            column.
    """

    run: str
    detector: str
    lens: Lens = PLAIN
    values: tuple[tuple[str, tuple[str, ...]], ...] = ()
