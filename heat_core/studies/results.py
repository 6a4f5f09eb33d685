"""Results of studies: tables (with the paper's columns), curves with bands, and sentences with intervals."""

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
    """A curve with its 95 % interval: three arrays of the same length."""

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Curves:
    """A figure of curves.

    Attributes:
        title: title of the figure.
        x: labels of the points.
        x_title: title of the horizontal axis.
        metric: metric on the vertical axis, in percent.
        bands: name → curve.
        levels: name → value that does not depend on x.
    """

    title: str
    x: tuple[str, ...]
    x_title: str
    metric: str
    bands: dict[str, Band]
    levels: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """A section of a study's results.

    Attributes:
        title: heading that ends with a table or figure of the paper, or another short name, in brackets, e.g. "All
            detectors (Tab. 4)".
        tables: tables, one per metric.
        curves: figures.
        answers: sentences with intervals.
    """

    title: str
    tables: list[Comparison] = field(default_factory=list)
    curves: list[Curves] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    @property
    def stem(self) -> str:
        """File stem from the brackets of the title, e.g. "tab-4"."""
        reference = self.title.rpartition("(")[2].rstrip(")")
        return reference.lower().replace(". ", "-").replace(", ", "-").replace(" ", "-")


class MetricCache:
    """Cache of bootstrap replicates: one bootstrap gives both metrics to all tables that need the same row.

    Args:
        replicates: number of bootstrap replicates.
    """

    def __init__(self, replicates: int = 400) -> None:
        self.replicates = replicates
        self._replicates: dict[tuple[str, str], dict[str, np.ndarray]] = {}

    def estimate(self, known: np.ndarray, ood: np.ndarray, metric: str, replicates: int) -> MetricEstimate:
        """Compute a metric in percent and its replicates, like `metric_estimates.estimate_metric`."""
        key = digest_of_array(known), digest_of_array(ood)
        if metric in TITLES and key not in self._replicates:
            self._replicates[key] = bootstrap(known, ood, replicates)
        resampled = 100 * self._replicates[key][metric] if metric in TITLES else np.empty(0)
        return 100 * METRICS[metric](known, ood), resampled

    def compare(self, entries: Sequence[Entry], metrics: Sequence[str] = tuple(TITLES)) -> list[Comparison]:
        """Make one table per metric; none where there are no rows."""
        return [compare(entries, m, self.replicates, self.estimate) for m in metrics] if entries else []

    def difference(self, entry: Entry, baseline: Entry, metric: str) -> AverageDifference:
        """Subtract `baseline` from `entry` (see `metric_estimates.average_difference`)."""
        return average_difference(entry, baseline, metric, self.replicates, self.estimate)

    def average_band(self, entries: Sequence[Entry], metric: str) -> Band:
        """Make a curve of the averages of rows, one point per row; NaN where a row has no average."""
        cells = [self.compare([entry], [metric])[0].cells[0][-1] for entry in entries]
        values = np.array([(c.value, c.low, c.high) if c else (np.nan,) * 3 for c in cells])
        return Band(*values.reshape(-1, 3).T)

    def describe_difference(self, entry: Entry, baseline: Entry, names: tuple[str, str]) -> str:
        """Describe the differences of two rows in both metrics, and which are not significantly different from zero.

        Args:
            entry: row that is compared.
            baseline: row that it is compared with.
            names: names of the two in the sentence.
        """
        texts = []
        for metric in ("auroc", "fpr95"):
            gap = self.difference(entry, baseline, metric)
            remark = "" if gap.is_significant else ", not significantly different from zero"
            texts.append(f"{gap.value:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}] {_UNITS[metric]}{remark}")
        return f"{names[0]} against {names[1]}: " + "; ".join(texts) + "."


@cache
def metric_cache() -> MetricCache:
    """Return the cache of this process, which all studies share."""
    return MetricCache()
