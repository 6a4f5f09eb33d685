"""Comparison of detectors on OOD sets (Tab. 4): one or several runs, groups near, mid and far, bootstrap intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import numpy as np

from heat_core.analysis.comparison_rows import Entry, ScoreSource
from heat_core.analysis.metric_estimates import (
    MetricFunction,
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
        columns: (group, name) pairs; the average of a group is its last column.
        cells: rows × columns; None where a run has no such set.
        sources: origin of each row's scores; may be empty.
        members: OOD sets that each column averages.
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
    columns = _columns(grouped)
    names = [name for group in grouped.values() for name in group]
    rows = [estimate_sets(entry, names, metric, replicates, estimate) for entry in entries]
    cells: list[list[Cell | None]] = [[None] * len(columns) for _ in entries]
    for j, (_, members) in enumerate(columns.values()):
        averages = [average_over_sets(row, members) for row in rows]
        values, replicas = np.array([value for value, _ in averages]), [r for _, r in averages]
        for i, cell in rank_column(values, replicas, metric in _LOWER_IS_BETTER):
            cells[i][j] = cell
    return Comparison(
        metric,
        labels=[e.label or e.run.title(e.detector) for e in entries],
        columns=[(group, name) for name, (group, _) in columns.items()],
        cells=cells,
        sources=[ScoreSource(e.run.id, e.detector, e.lens) for e in entries],
        members=[tuple(members) for _, members in columns.values()],
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


def _columns(grouped: dict[str, list[str]]) -> dict[str, tuple[str, list[str]]]:
    """Map the name of each column to its group and the sets that it averages."""
    columns: dict[str, tuple[str, list[str]]] = {}
    for group, names in grouped.items():
        columns |= {name: (group, [name]) for name in names}
        if group and len(names) > 1:
            columns[f"{group} average"] = (group, names)
    everything = [n for names in grouped.values() for n in names]
    return columns | {AVERAGE: ("", everything)}


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
