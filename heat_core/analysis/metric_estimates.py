"""Metrics with bootstrap replicates: for one OOD set, averaged over seeds and sets, and as differences of two rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from heat_core.analysis.comparison_rows import Entry
from heat_core.metrics import METRICS, bootstrap

_RESAMPLED = {"auroc", "fpr95"}
MetricEstimate = tuple[float, np.ndarray]  # metric in percent, (B,) bootstrap replicates in percent
MetricFunction = Callable[[np.ndarray, np.ndarray, str, int], MetricEstimate]
SetEstimates = dict[str, MetricEstimate]  # OOD set → its estimate


def estimate_metric(id_scores: np.ndarray, ood_scores: np.ndarray, metric: str, replicates: int) -> MetricEstimate:
    """Compute a metric in percent and its replicates; only AUROC and FPR95 have replicates."""
    resampled = bootstrap(id_scores, ood_scores, replicates)[metric] if metric in _RESAMPLED else np.empty(0)
    return 100 * METRICS[metric](id_scores, ood_scores), 100 * resampled


def estimate_sets(
    entry: Entry,
    names: Sequence[str],
    metric: str,
    replicates: int,
    estimate: MetricFunction,
    full_spectrum: bool = False,
) -> SetEstimates:
    """Estimate a metric of a row on each of the OOD sets `names` that its run has.

    With `full_spectrum`, the images of the shifted sets count as known, too (Zhang et al., OpenOOD v1.5, 2023).
    """
    known = entry.known_scores(full_spectrum)
    return {
        name: average_over_seeds(
            [estimate(k, ood, metric, replicates) for k, ood in zip(known, entry.scores(name), strict=True)]
        )
        for name in names
        if name in entry.run.ood_names
    }


def average_over_seeds(estimates: Sequence[MetricEstimate], seed: int = 0) -> MetricEstimate:
    """Average a metric over seeds.

    A replicate draws images (the same for every seed and every row, see `metrics.bootstrap`) and seeds (the same for
    every row with as many seeds), so that differences of rows are paired.
    """
    if len(estimates) == 1:
        return estimates[0]
    count = len(estimates)
    value = float(np.mean([v for v, _ in estimates]))
    fewest = min(len(replicates) for _, replicates in estimates)
    seed_of = np.random.default_rng((seed, count)).integers(count, size=(fewest, count))
    table = np.array([replicates[:fewest] for _, replicates in estimates])
    return value, table[seed_of, np.arange(fewest)[:, None]].mean(axis=1)


def average_over_sets(estimates: SetEstimates, names: Sequence[str]) -> MetricEstimate:
    """Average a metric over the sets `names`.

    Returns:
        The mean in percent and its (B,) replicates, B the fewest of any set (large sets have fewer); NaN and no
        replicate where a set has no estimate.
    """
    if any(name not in estimates for name in names):
        return np.nan, np.empty(0)
    fewest = min(len(estimates[name][1]) for name in names)
    value = float(np.mean([estimates[name][0] for name in names]))
    return value, np.mean([estimates[name][1][:fewest] for name in names], axis=0)


@dataclass(frozen=True)
class AverageDifference:
    """Difference of the averages of two rows, in percentage points, with its paired 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def is_significant(self) -> bool:
        """True if the interval lies entirely on one side of zero."""
        return self.low > 0 or self.high < 0


def average_difference(
    entry: Entry, baseline: Entry, metric: str, replicates: int = 400, estimate: MetricFunction = estimate_metric
) -> AverageDifference:
    """Subtract `baseline` from `entry`, averaged over the OOD sets that both have; images and seeds are paired."""
    names = [name for name in entry.run.ood_names if name in baseline.run.ood_names]
    first, second = (
        average_over_sets(estimate_sets(e, names, metric, replicates, estimate), names) for e in (entry, baseline)
    )
    low, high = interval_of_difference(first[1], second[1])
    return AverageDifference(float(first[0] - second[0]), low, high)


def interval_of_difference(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Compute the 95 % interval of the differences, replicate by replicate; NaN where one side has no replicates.

    Runs whose sets differ in size have different resamples, and perhaps fewer: the differences are then those of
    independent draws.
    """
    fewest = min(len(first), len(second))
    if not fewest:
        return np.nan, np.nan
    low, high = np.percentile(first[:fewest] - second[:fewest], [2.5, 97.5])
    return float(low), float(high)
