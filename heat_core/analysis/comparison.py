"""Comparison of detectors on OOD sets (Tab. 4): one or several runs, groups near, mid and far, bootstrap intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import numpy as np

from heat_core.analysis.comparison_rows import Entry, ScoreSource
from heat_core.analysis.metric_estimates import (
    MetricFunction,
    SetEstimates,
    average_over_sets,
    estimate_metric,
    estimate_sets,
    interval_of_difference,
)
from heat_core.errors import HeatError
from heat_core.metrics import METRICS
from heat_core.runs.experiment import AVERAGE, GROUPS
from heat_core.runs.run import Run

_LOWER_IS_BETTER = {"fpr95"}
#: Group of the columns in which the images of the shifted sets count as known, too.
FULL_SPECTRUM = "full-spectrum"


@dataclass(frozen=True)
class Cell:
    """A metric in percent with its 95 % bootstrap interval (NaN where the metric has none).

    Attributes:
        value: the metric, in percent.
        low: lower end of the interval.
        high: upper end of the interval.
        rank: 1 for the best of its column and for every row that does not differ from it significantly, 2 for the best
            of the rest, and so on; equal values share a rank. Tables print rank 1 bold and rank 2 underlined.
        is_tied: whether the paired 95 % interval of the difference to the best of the column contains zero.
        decimals: number of decimals that a table prints.
    """

    value: float
    low: float
    high: float
    rank: int
    is_tied: bool
    decimals: int = 1

    def __str__(self) -> str:
        return f"{self.value:.{self.decimals}f}"


@dataclass(frozen=True)
class Comparison:
    """Table of a metric, detectors × OOD sets; `heat_core.reporting.tables` writes it in every format.

    Attributes:
        metric: name of the metric in the cells.
        labels: title of each row.
        columns: (group, name) pairs; the average of a group is its last column, and that of all sets the last of all.
        cells: rows × columns; None where a run has no such set.
        sources: origin of each row's scores; may be empty.
        members: OOD sets whose missed images each column counts; () for full-spectrum columns, whose FPR95 has another
            threshold than the run.
        evidence: evidence that each row's detector reads (see `runs.row_names.evidence_of`), "" where it is not known;
            may be empty.
    """

    metric: str
    labels: list[str]
    columns: list[tuple[str, str]]
    cells: list[list[Cell | None]]
    sources: list[ScoreSource] = field(default_factory=list)
    members: list[tuple[str, ...]] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Groups in the order of the columns, as (group, number of neighbouring columns that it spans)."""
        return [(group, len(list(columns))) for group, columns in groupby(self.columns, key=lambda column: column[0])]

    def best_first(self) -> "Comparison":
        """Sort the rows by their average (the last column), best first; rows without an average come last."""
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
        """Move the average of all sets to the front, so that it stands right after a row's name."""
        if ("", AVERAGE) not in self.columns:
            return self
        position = self.columns.index(("", AVERAGE))

        def reorder(row: list[Any]) -> list[Any]:
            return [*row[position : position + 1], *row[:position], *row[position + 1 :]]

        cells = [reorder(row) for row in self.cells]
        return replace(self, columns=reorder(self.columns), cells=cells, members=reorder(self.members))


def compare(
    entries: Sequence[Entry],
    metric: str = "auroc",
    replicates: int = 400,
    estimate: MetricFunction = estimate_metric,
) -> Comparison:
    """Fill the table of `entries` (rows) × the OOD sets of their runs (columns, near to far, with averages).

    For every choice of shifted sets that a run has, the full-spectrum averages follow the OOD sets.

    Args:
        entries: the rows.
        metric: name of a metric, one of `metrics.METRICS`.
        replicates: number of bootstrap replicates.
        estimate: `estimate_metric`, or a function that caches its results.

    Raises:
        HeatError: for an unknown metric, or where there is no entry.
    """
    if metric not in METRICS:
        raise HeatError(f"There is no metric {metric!r}: choose one of {', '.join(METRICS)}.")
    if not entries:
        raise HeatError("Choose at least one detector to compare.")
    grouped = _grouped_sets([e.run for e in entries])
    spectra = list(dict.fromkeys(entry.shifted_names for entry in entries if entry.shifted_names))
    columns = _columns(grouped, spectra)
    names = [name for group in grouped.values() for name in group]

    def estimate_row(entry: Entry, shifted: tuple[str, ...]) -> SetEstimates:
        if shifted not in ((), entry.shifted_names):
            return {}
        return estimate_sets(entry, names, metric, replicates, estimate, full_spectrum=bool(shifted))

    rows = {shifted: [estimate_row(entry, shifted) for entry in entries] for shifted in ((), *spectra)}
    cells: list[list[Cell | None]] = [[None] * len(columns) for _ in entries]
    for j, column in enumerate(columns):
        averages = [average_over_sets(row, column.members) for row in rows[column.shifted]]
        values, replicas = np.array([value for value, _ in averages]), [r for _, r in averages]
        for i, cell in rank_column(values, replicas, metric in _LOWER_IS_BETTER):
            cells[i][j] = cell
    return Comparison(
        metric,
        labels=[e.label or e.run.title(e.detector) for e in entries],
        columns=[(column.group, column.name) for column in columns],
        cells=cells,
        sources=[ScoreSource(e.run.id, e.detector, e.lens) for e in entries],
        members=[() if column.shifted else tuple(column.members) for column in columns],
        evidence=[e.evidence for e in entries],
    )


def _grouped_sets(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Map each group (near, mid, far, or "" for sets without one) to the OOD sets of all runs, each named once."""
    groups: dict[str, list[str]] = {g: [] for g in (*GROUPS, "")}
    for run in runs:
        for name in run.ood_names:
            group = run.experiment.group(name) or ""
            if not any(name in names for names in groups.values()):
                groups[group].append(name)
    return {g: names for g, names in groups.items() if names}


@dataclass(frozen=True)
class _Column:
    """Column of a table: its group and name, the OOD sets that it averages, and the shifted sets that are known."""

    group: str
    name: str
    members: list[str]
    shifted: tuple[str, ...] = ()


def _columns(grouped: dict[str, list[str]], spectra: Sequence[tuple[str, ...]]) -> list[_Column]:
    """List the columns: the OOD sets by group, the full-spectrum averages, and the average of all sets.

    Args:
        grouped: group → its OOD sets.
        spectra: the different choices of shifted sets that the runs have.
    """
    columns: list[_Column] = []
    for group, names in grouped.items():
        columns += [_Column(group, name, [name]) for name in names]
        if group and len(names) > 1:
            columns.append(_Column(group, f"{group} average", names))
    everything = [n for names in grouped.values() for n in names]
    for shifted in spectra:
        title = FULL_SPECTRUM if len(spectra) == 1 else f"{FULL_SPECTRUM} with {', '.join(shifted)}"
        columns += [_Column(title, group, names, shifted) for group, names in grouped.items() if group]
        columns.append(_Column(title, AVERAGE, everything, shifted))
    return [*columns, _Column("", AVERAGE, everything)]


def rank_column(values: np.ndarray, replicas: list[np.ndarray], lower_is_better: bool) -> Iterator[tuple[int, Cell]]:
    """Rank the values of a column, unrounded.

    Args:
        values: (rows,) metric of each row, in percent; NaN where a row has none.
        replicas: bootstrap replicates of each row.
        lower_is_better: whether the smallest value is the best.

    Yields:
        (row index, Cell) of every row that has a value.
    """
    present = [i for i, v in enumerate(values) if not np.isnan(v)]
    if not present:
        return
    signed = values if lower_is_better else -values
    best = min(present, key=lambda i: signed[i])
    tied = {i: bool(signed[i] == signed[best]) or _may_be_equal(replicas[i], replicas[best]) for i in present}
    rest = sorted({signed[i] for i in present if not tied[i]})
    for i in present:
        low, high = np.percentile(replicas[i], [2.5, 97.5]) if len(replicas[i]) else (np.nan, np.nan)
        rank = 1 if tied[i] else rest.index(signed[i]) + 2
        yield i, Cell(float(values[i]), float(low), float(high), rank, tied[i])


def _may_be_equal(first: np.ndarray, second: np.ndarray) -> bool:
    """Return whether the paired 95 % interval of the difference contains zero."""
    low, high = interval_of_difference(first, second)
    return low <= 0 <= high
