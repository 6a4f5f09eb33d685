"""A run and the run that follows it, on the images that both scored: what is known now, and what got worse.

Images are matched by set and id, and else by their content, also where they moved to another set. Intervals are those
of differences on the same resamples, see `analysis.paired`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from heat_core.analysis.paired import MetricDifference, PairedSet, RunDetector, compare_paired, same_samples
from heat_core.metrics import bootstrap_weights, wilson_interval
from heat_core.runs.experiment import AVERAGE, ID

#: Change of a verdict → how a person reads it; the first of each two is for the better.
CHANGES = {
    "missed-detected": "OOD images, missed before, called unknown now",
    "detected-missed": "OOD images, called unknown before, missed now",
    "flagged-known": "ID test images, called unknown before, known now",
    "known-flagged": "ID test images, known before, called unknown now",
    "wrong-right": "ID test images, misclassified before, right now",
    "right-wrong": "ID test images, right before, misclassified now",
}
#: Rate → how a person reads it.
RATES = {
    "missed": "OOD images missed",
    "flagged": "ID test images called unknown",
    "misclassified": "ID test images misclassified",
}


@dataclass(frozen=True)
class HeldOutClass:
    """Test images of a class, of which the former run tested none.

    Attributes:
        name: the class; "" where the ID test set has no classes.
        numbers: (n,) numbers of the images in the run.
        known: number of them that HEAT calls known.
        right: number of them that HEAT calls known and the classifier puts into this class.
        scored_before: number of them that the former run scored as OOD images.
        known_before: number of these that it called known.
    """

    name: str
    numbers: np.ndarray
    known: int
    right: int
    scored_before: int
    known_before: int

    def share(self, count: int) -> tuple[float, float, float]:
        """Return a count as a share of the images, in percent, with its 95 % interval (Wilson)."""
        total = len(self.numbers)
        low, high = wilson_interval(count, total)
        return 100 * count / total, 100 * low, 100 * high


@dataclass(frozen=True)
class BeforeAfter:
    """Comparison of a run with the one that it follows.

    Attributes:
        sets: verdicts and metrics on each set that both have; A is the run, B the one before.
        rates: a key of `RATES` → the rate in the run and before, in percent, with the interval of their difference, on
            the images that stayed in their sets.
        changes: a key of `CHANGES` → (n,) numbers of these images in the run.
        classes: the classes with test images that are new.
        left: number of images that the former run scored, and this one does not: they are training images, or left out.
    """

    sets: list[PairedSet]
    rates: dict[str, MetricDifference]
    changes: dict[str, np.ndarray]
    classes: list[HeldOutClass]
    left: int


def compare_before_after(after: RunDetector, before: RunDetector, replicates: int = 400) -> BeforeAfter:
    """Compare a run with the one that it follows, by HEAT's verdicts.

    Args:
        after: the run; its images are numbered.
        before: the run that it follows.
        replicates: number of bootstrap replicates.

    Raises:
        HeatError: where the runs have no known test image, or no OOD image, in common.
    """
    sets = compare_paired(after, before, replicates)
    of_sets = [pair for pair in sets if pair.name != AVERAGE]
    matched = [np.concatenate([getattr(pair, side) for pair in of_sets]) for side in ("first", "second")]
    others = [np.setdiff1d(np.arange(len(s.samples)), m) for s, m in zip((after, before), matched, strict=True)]
    tests = others[0][after.samples.is_id[others[0]]]
    moved, origin = same_samples(after.samples, before.samples, tests, others[1])
    masks = dict(_masks(after, before, of_sets))
    return BeforeAfter(
        sets=sets,
        rates={name: _difference(now, then, replicates) for name, (_, now, then) in masks.items() if len(now)},
        changes=dict(_changes(masks)),
        classes=list(_held_out_classes(after, before, tests, dict(zip(moved.tolist(), origin.tolist(), strict=True)))),
        left=len(others[1]) - len(origin),
    )


_Masks = tuple[np.ndarray, np.ndarray, np.ndarray]  # numbers of images, wrong now, wrong before


def _masks(after: RunDetector, before: RunDetector, sets: list[PairedSet]) -> Iterator[tuple[str, _Masks]]:
    """Yield for each rate the numbers of the images, and whether each is wrong now and was wrong before."""
    (known,) = [pair for pair in sets if pair.name == ID]
    ood = [pair for pair in sets if pair.name in after.samples.ood_datasets]
    now, then = (np.concatenate([~pair.correct[i] for pair in ood]) for i in (0, 1))
    yield "missed", (np.concatenate([pair.first for pair in ood]), now, then)
    yield "flagged", (known.first, *~known.correct)
    a, b = after.samples, before.samples
    if a.run.accuracy is None or b.run.accuracy is None:
        return
    yield "misclassified", (known.first, a.is_misclassified[known.first], b.is_misclassified[known.second])


def _changes(masks: dict[str, _Masks]) -> Iterator[tuple[str, np.ndarray]]:
    names = iter(CHANGES)
    for numbers, now, then in masks.values():
        yield next(names), numbers[then & ~now]
        yield next(names), numbers[now & ~then]


def _difference(now: np.ndarray, then: np.ndarray, replicates: int) -> MetricDifference:
    """Return two rates on the same images in percent, with the 95 % bootstrap interval of their difference."""
    drawn = 100 * bootstrap_weights(len(now), replicates, 0) @ (now.astype(np.float64) - then) / len(now)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return MetricDifference(100 * float(now.mean()), 100 * float(then.mean()), float(low), float(high))


def _held_out_classes(
    after: RunDetector, before: RunDetector, tests: np.ndarray, origins: dict[int, int]
) -> Iterator[HeldOutClass]:
    """Yield the classes of test images that the former run did not test.

    Args:
        after: the run.
        before: the run that it follows.
        tests: (n,) numbers of these images.
        origins: number of an image → its number in the former run.
    """
    samples = after.samples
    known = ~samples.flagged(after.detector, after.lens)
    known_before = ~before.samples.flagged(before.detector, before.lens)
    for name in dict.fromkeys(samples.true_class[tests].tolist()):
        numbers = tests[samples.true_class[tests] == name]
        is_right = known[numbers] & ~samples.is_misclassified[numbers] & (samples.run.accuracy is not None)
        scored = [origins[n] for n in numbers.tolist() if n in origins and before.samples.is_ood[origins[n]]]
        yield HeldOutClass(
            name, numbers, int(known[numbers].sum()), int(is_right.sum()), len(scored), int(known_before[scored].sum())
        )
