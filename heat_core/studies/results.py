"""What studies show: tables (beside the paper's own), curves with bands, and sentences with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from heat_core.analysis.comparison import Comparison, compare
from heat_core.analysis.comparison_rows import Entry
from heat_core.analysis.metric_estimates import AverageDifference, MetricEstimate, average_difference
from heat_core.digests import digest_of_array
from heat_core.metrics import METRICS, bootstrap

TITLES = {"fpr95": "FPR95 ↓, %", "auroc": "AUROC ↑, %"}
_UNITS = {"fpr95": "points of FPR95", "auroc": "points of AUROC"}


@dataclass(frozen=True)
class Band:
    """A curve with its 95 % interval: arrays of one length."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Curves:
    """A figure.

    Attributes:
        title: of it.
        x: where the points stand, as they are written.
        x_title: of the axis.
        metric: on the other.
        bands: name → curve.
        levels: name → a value that does not hang on x.
    """

    title: str
    x: tuple[str, ...]
    x_title: str
    metric: str
    bands: dict[str, Band]
    levels: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """A part of what a study shows.

    Attributes:
        title: of it, with the table or figure that it repeats.
        tables: one a metric.
        curves: figures.
        answers: sentences, with intervals.
    """

    title: str
    tables: list[Comparison] = field(default_factory=list)
    curves: list[Curves] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    @property
    def stem(self) -> str:
        """Of the files that it is written to: the table or figure in the brackets of its title."""
        reference = self.title.rpartition("(")[2].rstrip(")")
        return reference.lower().replace(". ", "-").replace(", ", "-")


class MetricCache:
    """Measures with one bootstrap for both metrics, however many tables ask for the same row."""

    def __init__(self, replicates: int = 400) -> None:
        self.replicates = replicates
        self._replicates: dict[tuple[str, str], dict[str, np.ndarray]] = {}

    def estimate(self, known: np.ndarray, ood: np.ndarray, metric: str, replicates: int) -> MetricEstimate:
        """As `metric_estimates.estimate_metric`."""
        key = digest_of_array(known), digest_of_array(ood)
        if metric in TITLES and key not in self._replicates:
            self._replicates[key] = bootstrap(known, ood, replicates)
        resampled = 100 * self._replicates[key][metric] if metric in TITLES else np.empty(0)
        return 100 * METRICS[metric](known, ood), resampled

    def compare(self, entries: Sequence[Entry], metrics: Sequence[str] = tuple(TITLES)) -> list[Comparison]:
        """One table a metric; none without rows."""
        return [compare(entries, m, self.replicates, self.estimate) for m in metrics] if entries else []

    def difference(self, entry: Entry, baseline: Entry, metric: str) -> AverageDifference:
        """`metric_estimates.average_difference`."""
        return average_difference(entry, baseline, metric, self.replicates, self.estimate)

    def average_band(self, entries: Sequence[Entry], metric: str) -> Band:
        """The averages of rows, one a point of a curve."""
        cells = [self.compare([entry], [metric])[0].cells[0][-1] for entry in entries]
        values = np.array([(c.value, c.low, c.high) if c else (np.nan,) * 3 for c in cells])
        return Band(*values.reshape(-1, 3).T)

    def describe_difference(self, entry: Entry, baseline: Entry, names: tuple[str, str]) -> str:
        """By how much a row differs from another, in both metrics; says which differences are told from zero."""
        texts = []
        for metric in ("auroc", "fpr95"):
            gap = self.difference(entry, baseline, metric)
            remark = "" if gap.is_significant else ", not told from zero"
            texts.append(f"{gap.value:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}] {_UNITS[metric]}{remark}")
        return f"{names[0]} against {names[1]}: " + "; ".join(texts) + "."


@cache
def metric_cache() -> MetricCache:
    """The one of this process: what was measured for one study is there for the next."""
    return MetricCache()
