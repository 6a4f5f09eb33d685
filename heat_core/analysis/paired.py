"""Two runs, or two detectors, on the same samples: who is right where, and whether their metrics differ.

Samples are the same where set and id are. FPR95 and AUROC are of the samples that both have, and their difference comes
with an interval: both are taken of the same resamples, so that what the two have in common cancels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heat_core.analysis.samples import Samples
from heat_core.composition import PLAIN, Lens
from heat_core.errors import HeatError
from heat_core.metrics import METRICS, bootstrap
from heat_core.runs.experiment import AVERAGE, ID

PAIRED_METRICS = ("fpr95", "auroc")
PairedEstimates = dict[str, tuple[np.ndarray, np.ndarray]]  # metric → values of both sides, replicates of both
#: How two verdicts on a sample can fall → who is right.
OUTCOMES = {"both": "both", "first": "only A", "second": "only B", "neither": "neither"}


@dataclass(frozen=True)
class RunDetector:
    """A detector of a run, seen through a lens.

    Attributes:
        samples: of the run.
        detector: its name.
        lens: composes HEAT, and sets its threshold.
    """

    samples: Samples
    detector: str
    lens: Lens = PLAIN


@dataclass(frozen=True)
class MetricDifference:
    """A metric of A and of B in percent, and the 95 % bootstrap interval of A − B on the same resamples."""

    first: float
    second: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """A − B."""
        return self.first - self.second

    @property
    def is_significant(self) -> bool:
        """Whether the interval leaves zero out."""
        return not self.low <= 0 <= self.high


@dataclass(frozen=True)
class PairedSet:
    """The verdicts of two sides on the samples of a set that both have.

    Attributes:
        name: of the set; `average` for all OOD sets.
        first: (n,) numbers of the samples in A.
        second: (n,) of the same samples in B.
        correct: (2, n) whether A and B are right about each: OOD flagged, ID kept, by each one's own threshold.
        metrics: name → of both, over the common samples; none for the ID test set.
    """

    name: str
    first: np.ndarray
    second: np.ndarray
    correct: np.ndarray
    metrics: dict[str, MetricDifference]

    def outcome_mask(self, name: str) -> np.ndarray:
        """(n,) which samples have one of `OUTCOMES`."""
        a, b = self.correct
        return {"both": a & b, "first": a & ~b, "second": ~a & b, "neither": ~a & ~b}[name]


def compare_paired(a: RunDetector, b: RunDetector, replicates: int = 400) -> list[PairedSet]:
    """The ID test set, each OOD set that both runs have, in A's order, and all of them (where there are several).

    Raises:
        HeatError: where the runs have no known test image, or no OOD image, in common.
    """
    common = {
        name: numbers
        for name in a.samples.run.datasets
        if len((numbers := _common_numbers(a.samples, b.samples, name))[0])
    }
    if ID not in common:
        raise HeatError("These runs have no known test image in common: choose two runs on the same ID test set.")
    if len(common) == 1:
        raise HeatError("These runs have no OOD image in common: sets are matched by their names and sample ids.")
    is_correct = [side.samples.is_correct(side.detector, side.lens) for side in (a, b)]
    scores = [side.samples.scores(side.detector, side.lens) for side in (a, b)]
    known = [values[common[ID][i]] for i, values in enumerate(scores)]
    estimates = {
        name: _estimate_metrics(known, [values[numbers[i]] for i, values in enumerate(scores)], replicates)
        for name, numbers in common.items()
        if name != ID
    }
    pairs = []
    for name, (first, second) in common.items():
        correct = np.stack([is_correct[0][first], is_correct[1][second]])
        metrics = {metric: _difference(*both) for metric, both in estimates.get(name, {}).items()}
        pairs.append(PairedSet(name, first, second, correct, metrics))
    return [*pairs, _pool_sets(pairs[1:], list(estimates.values()))] if len(estimates) > 1 else pairs


def _common_numbers(a: Samples, b: Samples, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the samples of a set that both runs have, in each of them, in A's order."""
    if name not in b.run.datasets:
        return np.empty(0, int), np.empty(0, int)
    members = [np.flatnonzero(s.dataset == s.run.datasets.index(name)) for s in (a, b)]
    ids_a, ids_b = (s.ids[numbers].astype(str) for s, numbers in zip((a, b), members, strict=True))
    _, first, second = np.intersect1d(ids_a, ids_b, return_indices=True)
    order = np.argsort(first, kind="stable")
    return members[0][first[order]], members[1][second[order]]


def _estimate_metrics(known: Sequence[np.ndarray], ood: Sequence[np.ndarray], replicates: int) -> PairedEstimates:
    """Metric → its two values and its (2, B) replicates, in percent: the same draws on both sides (see `bootstrap`)."""
    resampled = [bootstrap(k, o, replicates) for k, o in zip(known, ood, strict=True)]
    return {
        metric: (
            100 * np.array([METRICS[metric](k, o) for k, o in zip(known, ood, strict=True)]),
            100 * np.stack([values[metric] for values in resampled]),
        )
        for metric in PAIRED_METRICS
    }


def _difference(values: np.ndarray, replicates: np.ndarray) -> MetricDifference:
    low, high = np.percentile(replicates[0] - replicates[1], [2.5, 97.5])
    return MetricDifference(float(values[0]), float(values[1]), float(low), float(high))


def _pool_sets(pairs: list[PairedSet], estimates: list[PairedEstimates]) -> PairedSet:
    """All OOD sets: every sample, and the mean of the sets' metrics. Large sets have fewer replicates."""
    metrics = {}
    for metric in PAIRED_METRICS:
        values, replicates = zip(*(of_set[metric] for of_set in estimates), strict=True)
        fewest = min(r.shape[1] for r in replicates)
        metrics[metric] = _difference(np.mean(values, axis=0), np.mean([r[:, :fewest] for r in replicates], axis=0))
    first, second = (np.concatenate([getattr(p, side) for p in pairs]) for side in ("first", "second"))
    return PairedSet(AVERAGE, first, second, np.concatenate([p.correct for p in pairs], axis=1), metrics)
