"""Paired comparison of two runs, or two detectors, on the same samples: verdicts, and differences of metrics.

Samples are matched by set and id, and those that remain by their content (see `copies.same_images`). FPR95 and AUROC
are computed on the samples that both sides have, and the interval of their difference uses the same resamples on both
sides, so that the variation they share cancels.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from heat_core.analysis.samples import Samples
from heat_core.composition import PLAIN, Lens
from heat_core.data.image_set import ImageSet
from heat_core.errors import HeatError
from heat_core.metrics import METRICS, bootstrap
from heat_core.pipeline.copies.same_images import same_images
from heat_core.runs.experiment import AVERAGE, ID

PAIRED_METRICS = ("fpr95", "auroc")
PairedEstimates = dict[str, tuple[np.ndarray, np.ndarray]]  # metric → values of both sides, replicates of both
#: Outcome of two verdicts on a sample → which of them is correct, as the app prints it.
OUTCOMES = {"both": "both correct", "first": "only A correct", "second": "only B correct", "neither": "none correct"}


@dataclass(frozen=True)
class RunDetector:
    """One side of a paired comparison: a detector of a run under a lens.

    Attributes:
        samples: samples of the run.
        detector: name of the detector.
        lens: composition of HEAT, and the threshold.
    """

    samples: Samples
    detector: str
    lens: Lens = PLAIN


@dataclass(frozen=True)
class MetricDifference:
    """A metric of A (first) and of B (second) in percent, with the paired 95 % bootstrap interval of A − B."""

    first: float
    second: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """Difference A − B, in percentage points."""
        return self.first - self.second

    @property
    def is_significant(self) -> bool:
        """True if the interval does not contain zero."""
        return not self.low <= 0 <= self.high


@dataclass(frozen=True)
class PairedSet:
    """Verdicts of two sides on the samples of a set that both have.

    Attributes:
        name: name of the set; `average` for all OOD sets.
        first: (n,) numbers of the samples in A.
        second: (n,) numbers of the same samples in B.
        correct: (2, n) whether the verdicts of A and B are correct (OOD detected, known kept), each at its threshold.
        metrics: name → the metric of both sides over the common samples; empty for sets of known images.
    """

    name: str
    first: np.ndarray
    second: np.ndarray
    correct: np.ndarray
    metrics: dict[str, MetricDifference]

    def outcome_mask(self, name: str) -> np.ndarray:
        """Return the (n,) mask of the samples with an outcome, one of `OUTCOMES`."""
        a, b = self.correct
        return {"both": a & b, "first": a & ~b, "second": ~a & b, "neither": ~a & ~b}[name]


def compare_paired(a: RunDetector, b: RunDetector, replicates: int = 400) -> list[PairedSet]:
    """Compare two sides on each set that both have in the same role, and on all OOD sets if there are several.

    Args:
        a: first side; its order of sets and samples is kept.
        b: second side.
        replicates: number of bootstrap replicates.

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
    ood = [name for name in common if name in a.samples.ood_datasets]
    if not ood:
        raise HeatError("These runs have no OOD image in common: sets are matched by their names.")
    is_correct = [side.samples.is_correct(side.detector, side.lens) for side in (a, b)]
    scores = [side.samples.scores(side.detector, side.lens) for side in (a, b)]
    known = [values[common[ID][i]] for i, values in enumerate(scores)]
    estimates = {
        name: _estimate_metrics(known, [values[common[name][i]] for i, values in enumerate(scores)], replicates)
        for name in ood
    }
    pairs = []
    for name, (first, second) in common.items():
        correct = np.stack([is_correct[0][first], is_correct[1][second]])
        metrics = {metric: _difference(*both) for metric, both in estimates.get(name, {}).items()}
        pairs.append(PairedSet(name, first, second, correct, metrics))
    of_ood = [pair for pair in pairs if pair.name in ood]
    return [*pairs, _pool_sets(of_ood, list(estimates.values()))] if len(ood) > 1 else pairs


def _common_numbers(a: Samples, b: Samples, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers, in A and in B, of the samples of a set that both have in the same role, in A's order."""
    if name not in b.run.datasets or (name in a.shifted_datasets) != (name in b.shifted_datasets):
        return np.empty(0, int), np.empty(0, int)
    members = [np.flatnonzero(s.dataset == s.run.datasets.index(name)) for s in (a, b)]
    ids_a, ids_b = (s.ids[numbers].astype(str) for s, numbers in zip((a, b), members, strict=True))
    _, first, second = np.intersect1d(ids_a, ids_b, return_indices=True)
    others = [np.delete(of_run, matched) for of_run, matched in zip(members, (first, second), strict=True)]
    same = same_samples(a, b, *others)
    first, second = np.r_[members[0][first], same[0]], np.r_[members[1][second], same[1]]
    order = np.argsort(first, kind="stable")
    return first[order], second[order]


def same_samples(a: Samples, b: Samples, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Match samples of two runs by the content of their images, whatever their ids and sets are.

    Args:
        a: samples of one run.
        b: samples of the other run.
        first: (n,) numbers in A of the samples that may match.
        second: (m,) numbers in B of the samples that may match.

    Returns:
        (k,) numbers in A, and (k,) numbers of the same images in B; none where the images are not on this machine.
    """
    if not len(first) or not len(second):
        return np.empty(0, int), np.empty(0, int)
    sides = [_image_sets(samples, numbers) for samples, numbers in ((a, first), (b, second))]
    pairs = same_images(*([images for images, _ in side] for side in sides))
    of_a, of_b = (np.concatenate([np.empty(0, int), *(numbers for _, numbers in side)]) for side in sides)
    return of_a[pairs[0]], of_b[pairs[1]]


def _image_sets(samples: Samples, numbers: np.ndarray) -> list[tuple[ImageSet, np.ndarray]]:
    """Return the images of some samples by set, with their numbers; of sets that cannot be opened, none."""
    found = []
    for i, name in enumerate(samples.datasets):
        number_of = {str(samples.ids[n]): n for n in numbers[samples.dataset[numbers] == i]}
        with suppress(HeatError):  # it was moved or deleted, or the run was made from features
            images = samples.run.pictures.of(name).select(list(number_of)) if number_of else None
            if images:
                found.append((images, np.array([number_of[sample] for sample in images.ids], int)))
    return found


def _estimate_metrics(known: Sequence[np.ndarray], ood: Sequence[np.ndarray], replicates: int) -> PairedEstimates:
    """Map each metric to its two values and (2, B) replicates, in percent; both sides have the same draws."""
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
    """Join all OOD sets: all samples, and the mean of the sets' metrics over the fewest replicates of any set."""
    metrics = {}
    for metric in PAIRED_METRICS:
        values, replicates = zip(*(of_set[metric] for of_set in estimates), strict=True)
        fewest = min(r.shape[1] for r in replicates)
        metrics[metric] = _difference(np.mean(values, axis=0), np.mean([r[:, :fewest] for r in replicates], axis=0))
    first, second = (np.concatenate([getattr(p, side) for p in pairs]) for side in ("first", "second"))
    return PairedSet(AVERAGE, first, second, np.concatenate([p.correct for p in pairs], axis=1), metrics)
