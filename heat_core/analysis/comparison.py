"""Detectors × OOD sets, grouped near, mid and far (Tab. 4), over one or several runs, with bootstrap intervals."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, groupby

import numpy as np

from heat_core.composition import HEAT, PLAIN, Lens
from heat_core.energies.names import PRIOR_TITLES
from heat_core.errors import HeatError
from heat_core.metrics import METRICS, bootstrap
from heat_core.runs.experiment import AVERAGE, GROUPS, ID
from heat_core.runs.row_names import corrected_row, evidence_of
from heat_core.runs.run import Run

_LOWER_IS_BETTER = {"fpr95"}
_RESAMPLED = {"auroc", "fpr95"}
Measured = tuple[float, np.ndarray]  # a metric in percent, and its replicates
Measure = Callable[[np.ndarray, np.ndarray, str, int], Measured]
Row = dict[str, Measured]  # of each OOD set


@dataclass(frozen=True)
class Entry:
    """One row of a comparison: a detector of a run, seen through a lens.

    Attributes:
        run: whose scores they are.
        detector: its name.
        lens: composes HEAT, or a subset of its priors (Tab. 3).
        label: of the row; empty = the detector's title.
        again: the same run with other seeds. The row is then the mean over all of them; its interval holds the choice
            of the seed, too.
    """

    run: Run
    detector: str
    lens: Lens = PLAIN
    label: str = ""
    again: tuple[Run, ...] = ()

    def scores(self, dataset: str) -> list[np.ndarray]:
        """(N,) scores of a set, of each seed."""
        return [run.detector_scores(dataset, self.detector, self.lens) for run in (self.run, *self.again)]

    @property
    def evidence(self) -> str:
        """What the row judges by, "" where that is not known."""
        composed = self.lens.composed(self.run.priors) if self.detector == HEAT else ()
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
    chosen = lens.composed(run.priors)
    if lens.weights:
        return "HEAT, " + " + ".join(f"{w:g} {PRIOR_TITLES[p]}" for p, w in zip(chosen, lens.weights, strict=True))
    return "HEAT" if set(chosen) == set(run.priors) else run.title(corrected_row(*chosen))


def beside(of_runs: Sequence[Sequence[Entry]]) -> list[Entry]:
    """The rows of several runs in one order: those of the same detector, or subset of priors, next to each other."""
    rows: dict[tuple[str, object], list[Entry]] = {}
    for entries in of_runs:
        seen: set[str] = set()
        for entry in entries:  # a run's HEAT comes before its subsets, whatever it is composed of
            subset = entry.lens.priors if entry.detector in seen else None
            rows.setdefault((entry.detector, subset), []).append(entry)
            seen.add(entry.detector)
    return [entry for group in rows.values() for entry in group]


@dataclass(frozen=True)
class Source:
    """Where a row's scores come from: a run, by its name, a detector and how it is composed."""

    run: str
    detector: str
    lens: Lens = PLAIN


@dataclass(frozen=True)
class Cell:
    """A metric in percent with its 95 % bootstrap interval (NaN where the metric has none).

    Attributes:
        value: of the metric.
        low: end of the interval.
        high: the other end.
        place: 1 for the best of its column and those that are not told from it, 2 for the best of the rest, and so on
            (equals share a place). What every table prints bold and underlined.
        tied: whether the paired difference to the best, resample by resample, may be zero.
        decimals: how many of them a table prints.
    """

    value: float
    low: float
    high: float
    place: int
    tied: bool
    decimals: int = 1

    def __str__(self) -> str:
        return f"{self.value:.{self.decimals}f}"


@dataclass(frozen=True)
class Comparison:
    """A filled table; `heat_core.reporting.tables` writes it in every format.

    Attributes:
        metric: of the cells.
        labels: of the rows.
        columns: (group, name) pairs, `average` closing each group.
        cells: rows × columns; None where a run has no such set.
        sources: of the rows.
        members: of the columns: the OOD sets that each averages.
        evidence: what each row judges by (see `runs.rows.evidence_of`), "" where that is not known; or none.
    """

    metric: str
    labels: list[str]
    columns: list[tuple[str, str]]
    cells: list[list[Cell | None]]
    sources: list[Source] = field(default_factory=list)
    members: list[tuple[str, ...]] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)

    @property
    def groups(self) -> list[tuple[str, int]]:
        """(group, how many neighbouring columns it spans)."""
        return [(group, len(list(columns))) for group, columns in groupby(self.columns, key=lambda column: column[0])]

    def best_first(self) -> "Comparison":
        """The same rows by their average, which closes each row; those without one come last."""
        sign = 1 if self.metric in _LOWER_IS_BETTER else -1

        def rank(i: int) -> float:
            last = self.cells[i][-1]
            return np.inf if last is None else sign * last.value

        order = sorted(range(len(self.labels)), key=rank)
        return replace(
            self,
            labels=[self.labels[i] for i in order],
            cells=[self.cells[i] for i in order],
            sources=[self.sources[i] for i in order if self.sources],
            evidence=[self.evidence[i] for i in order if self.evidence],
        )

    def average_first(self) -> "Comparison":
        """The same columns with the average of all sets first, right after a row's name, however many sets follow."""
        if ("", AVERAGE) not in self.columns:
            return self
        place = self.columns.index(("", AVERAGE))

        def turned(row: list) -> list:
            return [*row[place : place + 1], *row[:place], *row[place + 1 :]]

        cells = [turned(row) for row in self.cells]
        return replace(self, columns=turned(self.columns), cells=cells, members=turned(self.members))


def measured(id_scores: np.ndarray, ood_scores: np.ndarray, metric: str, replicates: int) -> Measured:
    """A metric in percent, and its replicates; a metric without an interval has none."""
    resampled = bootstrap(id_scores, ood_scores, replicates)[metric] if metric in _RESAMPLED else np.empty(0)
    return 100 * METRICS[metric](id_scores, ood_scores), 100 * resampled


def compare(
    entries: Sequence[Entry],
    metric: str = "auroc",
    replicates: int = 400,
    measure: Measure = measured,
) -> Comparison:
    """Fill the table of `entries` (rows) × the OOD sets of their runs (columns, near to far, with averages).

    Args:
        entries: the rows.
        metric: of the cells.
        replicates: of the bootstrap.
        measure: `measured`, or whoever remembers what it found.

    Raises:
        HeatError: for an unknown metric, or no entry.
    """
    if metric not in METRICS:
        raise HeatError(f"There is no metric {metric!r}: choose one of {', '.join(METRICS)}.")
    if not entries:
        raise HeatError("Choose at least one detector to compare.")
    grouped = _grouped_sets([e.run for e in entries])
    names = [n for names in grouped.values() for n in names]
    found = [_row(entry, names, lambda known, ood: measure(known, ood, metric, replicates)) for entry in entries]
    columns = _columns(grouped)
    values = np.array([[_value(row, members) for _, members in columns.values()] for row in found])
    replicas = [[_replicates(row, members) for _, members in columns.values()] for row in found]
    cells: list[list[Cell | None]] = [[None] * len(columns) for _ in entries]
    for j in range(len(columns)):
        for i, cell in _ranked(values[:, j], [r[j] for r in replicas], metric in _LOWER_IS_BETTER):
            cells[i][j] = cell
    labels = [e.label or e.run.title(e.detector) for e in entries]
    return Comparison(
        metric,
        labels,
        [(group, name) for name, (group, _) in columns.items()],
        cells,
        [Source(e.run.id, e.detector, e.lens) for e in entries],
        [tuple(members) for _, members in columns.values()],
        [e.evidence for e in entries],
    )


@dataclass(frozen=True)
class Difference:
    """How much one row's average differs from another's, in points, with its paired 95 % interval."""

    value: float
    low: float
    high: float


def difference(
    entry: Entry, other: Entry, metric: str, replicates: int = 400, measure: Measure = measured
) -> Difference:
    """`entry` minus `other`, averaged over the OOD sets of both, images and seeds paired."""
    names = [name for name in entry.run.ood_names if name in other.run.ood_names]
    rows = [_row(e, names, lambda known, ood: measure(known, ood, metric, replicates)) for e in (entry, other)]
    values, drawn = [_value(r, names) for r in rows], [_replicates(r, names) for r in rows]
    fewest = min(map(len, drawn))
    gaps = drawn[0][:fewest] - drawn[1][:fewest]
    low, high = np.percentile(gaps, [2.5, 97.5]) if fewest else (np.nan, np.nan)
    return Difference(float(values[0] - values[1]), float(low), float(high))


def _grouped_sets(runs: Sequence[Run]) -> dict[str, list[str]]:
    """near, mid, far, and "" for sets that nobody placed → the OOD sets of all runs, each once."""
    groups: dict[str, list[str]] = {g: [] for g in (*GROUPS, "")}
    for run in runs:
        for name in run.ood_names:
            group = run.experiment.group(name) or ""
            if not any(name in names for names in groups.values()):
                groups[group].append(name)
    return {g: names for g, names in groups.items() if names}


def _columns(grouped: dict[str, list[str]]) -> dict[str, tuple[str, list[str]]]:
    """Name of the column → its group and the sets that it averages."""
    columns: dict[str, tuple[str, list[str]]] = {}
    for group, names in grouped.items():
        columns |= {name: (group, [name]) for name in names}
        if group and len(names) > 1:
            columns[f"{group} average"] = (group, names)
    everything = [n for names in grouped.values() for n in names]
    return columns | {AVERAGE: ("", everything)}


def _row(entry: Entry, names: list[str], measure: Callable[[np.ndarray, np.ndarray], Measured]) -> Row:
    """OOD set → the metric in percent and its replicates, for the sets that the run has."""
    id_scores = entry.scores(ID)
    return {
        name: over_seeds([measure(known, ood) for known, ood in zip(id_scores, entry.scores(name), strict=True)])
        for name in names
        if name in entry.run.ood_names
    }


def over_seeds(found: Sequence[Measured], seed: int = 0) -> Measured:
    """The mean of a metric over seeds. A replicate draws images (the same for every seed and every row, see
    `metrics.bootstrap`) and seeds (the same for every row with as many), so that differences of rows are paired.
    """
    if len(found) == 1:
        return found[0]
    value = float(np.mean([v for v, _ in found]))
    fewest = min(len(replicates) for _, replicates in found)
    drawn = np.random.default_rng((seed, len(found))).integers(len(found), size=(fewest, len(found)))
    table = np.array([replicates[:fewest] for _, replicates in found])
    return value, table[drawn, np.arange(fewest)[:, None]].mean(axis=1)


def _value(row: Row, members: list[str]) -> float:
    """The mean over `members`; NaN where one is missing."""
    return float(np.mean([row[m][0] for m in members])) if all(m in row for m in members) else np.nan


def _replicates(row: Row, members: list[str]) -> np.ndarray:
    """(B,) replicates of that mean; none where one is missing. Large sets have fewer."""
    if any(m not in row for m in members):
        return np.empty(0)
    fewest = min(len(row[m][1]) for m in members)
    return np.mean([row[m][1][:fewest] for m in members], axis=0)


def _ranked(values: np.ndarray, replicas: list[np.ndarray], lower: bool) -> Iterator[tuple[int, Cell]]:
    """(index, Cell) of every value of a column that is there, placed by the unrounded value."""
    present = [i for i, v in enumerate(values) if not np.isnan(v)]
    if not present:
        return
    signed = values if lower else -values
    best = min(present, key=lambda i: signed[i])
    tied = {i: bool(signed[i] == signed[best]) or _may_be_zero(replicas[i], replicas[best]) for i in present}
    rest = sorted({signed[i] for i in present if not tied[i]})
    for i in present:
        low, high = np.percentile(replicas[i], [2.5, 97.5]) if len(replicas[i]) else (np.nan, np.nan)
        place = 1 if tied[i] else rest.index(signed[i]) + 2
        yield i, Cell(float(values[i]), float(low), float(high), place, tied[i])


def _may_be_zero(replicates: np.ndarray, others: np.ndarray) -> bool:
    """Whether the 95 % interval of the differences, resample by resample, holds zero. Runs of other sizes have other
    resamples, and maybe fewer: their differences are those of independent draws.
    """
    fewest = min(len(replicates), len(others))
    if not fewest:
        return False
    low, high = np.percentile(replicates[:fewest] - others[:fewest], [2.5, 97.5])
    return bool(low <= 0 <= high)
