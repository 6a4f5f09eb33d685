"""Metrics FPR95, AUROC, AUPR-In and AUPR-Out, with intervals.

Each metric takes `(id_scores, ood_scores)`, two 1-d arrays with larger = more out-of-distribution, and returns a share
in [0, 1]. As in the paper, ID is the positive class of FPR95 and AUPR-In (OpenOOD takes OOD as positive).
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from heat_core.arrays import to_array
from heat_core.errors import HeatError
from heat_core.thresholds import threshold95


def _validate(id_scores: ArrayLike, ood_scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    pair = []
    for name, scores in (("ID", id_scores), ("OOD", ood_scores)):
        scores = to_array(scores)
        if scores.dtype.kind not in "fiub":
            raise HeatError(f"The {name} scores must be numbers, not {scores.dtype} {scores.shape}.")
        scores = scores.astype(np.float64).ravel()
        if scores.size == 0:
            raise HeatError(f"There are no {name} scores: a metric needs at least one ID and one OOD sample.")
        if np.isnan(scores).any():
            raise HeatError(f"{int(np.isnan(scores).sum())} of the {name} scores are NaN: check the features.")
        pair.append(scores)
    return pair[0], pair[1]


def wilson_interval(count: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Compute Wilson's interval of a share (Wilson, JASA 1927).

    Args:
        count: number of successes.
        total: number of trials; if it is 0 the interval is (0, 1).
        z: normal quantile of the level; the default gives 95 %.

    Returns:
        (lower, upper) bounds in [0, 1].
    """
    if not total:
        return 0.0, 1.0
    share, weight = count / total, z * z / total
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * np.sqrt(share * (1 - share) / total + weight / (4 * total))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def fpr95(id_scores: ArrayLike, ood_scores: ArrayLike) -> float:
    """Compute the share of OOD samples that are at or below the 95th percentile of the ID scores (Sec. 4)."""
    id_scores, ood_scores = _validate(id_scores, ood_scores)
    return float((ood_scores <= threshold95(id_scores)).mean())


def auroc(id_scores: ArrayLike, ood_scores: ArrayLike) -> float:
    """Compute the area under the ROC curve by ranks: P(OOD score > ID score) + ½ P(equal)."""
    id_scores, ood_scores = _validate(id_scores, ood_scores)
    ordered = np.sort(id_scores)
    below = np.searchsorted(ordered, ood_scores, side="left")
    not_above = np.searchsorted(ordered, ood_scores, side="right")
    return float((below + not_above).mean() / (2 * len(ordered)))


def _average_precision(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Compute Σ (recall_i - recall_{i-1}) precision_i over the distinct scores from the top, as scikit-learn does."""
    positives, negatives = np.sort(-positives), np.sort(-negatives)
    ends = np.flatnonzero(np.r_[positives[1:] != positives[:-1], True])  # last index of each distinct score
    true_positives = ends + 1
    false_positives = np.searchsorted(negatives, positives[ends], side="right")
    precision = true_positives / (true_positives + false_positives)
    return float((np.diff(true_positives, prepend=0) * precision).sum() / len(positives))


def aupr_in(id_scores: ArrayLike, ood_scores: ArrayLike) -> float:
    """Compute the average precision with ID as the positive class (the paper's AUPR, App. B)."""
    id_scores, ood_scores = _validate(id_scores, ood_scores)
    return _average_precision(-id_scores, -ood_scores)


def aupr_out(id_scores: ArrayLike, ood_scores: ArrayLike) -> float:
    """Compute the average precision with OOD as the positive class."""
    id_scores, ood_scores = _validate(id_scores, ood_scores)
    return _average_precision(ood_scores, id_scores)


METRICS = {"fpr95": fpr95, "auroc": auroc, "aupr_in": aupr_in, "aupr_out": aupr_out}


def evaluate(id_scores: ArrayLike, ood_scores: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """Compute all four metrics against each OOD set, and their unweighted mean under `average` (as in Tabs. 1 to 11).

    Args:
        id_scores: (n,) scores of the ID test set.
        ood_scores: set → (m,) its scores.

    Returns:
        set, or `average` → metric → value; empty if there is no OOD set.
    """
    table = {name: {key: metric(id_scores, s) for key, metric in METRICS.items()} for name, s in ood_scores.items()}
    if table:
        table["average"] = {key: float(np.mean([row[key] for row in table.values()])) for key in METRICS}
    return table


def roc_curve(id_scores: ArrayLike, ood_scores: ArrayLike, points: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Compute the ROC curve at `points` thresholds, which are quantiles of all scores.

    Returns:
        (points + 1,) share of OOD samples at or below each threshold, and the same share of ID samples. Both start
        at 0.
    """
    id_scores, ood_scores = _validate(id_scores, ood_scores)
    thresholds = np.quantile(np.r_[id_scores, ood_scores], np.linspace(0, 1, points), method="nearest")
    kept_ood = np.searchsorted(np.sort(ood_scores), thresholds, side="right") / len(ood_scores)
    kept_id = np.searchsorted(np.sort(id_scores), thresholds, side="right") / len(id_scores)
    return np.r_[0, kept_ood], np.r_[0, kept_id]


_MOST_DRAWS = 20_000_000  # replicates × samples; this bounds the memory of a bootstrap


def bootstrap(
    id_scores: ArrayLike, ood_scores: ArrayLike, replicates: int = 400, seed: int = 0
) -> dict[str, np.ndarray]:
    """Compute FPR95 and AUROC of resampled ID and OOD sets.

    The draws depend on `seed` and the sizes alone. Two detectors on the same sets therefore get the same resamples, and
    the differences of their replicates are a paired comparison. A resample is one weight per sample, so the scores are
    sorted only once and both metrics are sums of weights.

    Args:
        id_scores: (n,) scores of the ID test set.
        ood_scores: (m,) scores of an OOD set.
        replicates: number of resamples; large sets get fewer, but at least 50.
        seed: seed of the draws.

    Returns:
        `auroc` and `fpr95` → (replicates,) values. The threshold of this FPR95 is the nearest rank, without
        interpolation.
    """
    id_scores, ood_scores = _validate(id_scores, ood_scores)
    id_sorted, ood_sorted = np.sort(id_scores), np.sort(ood_scores)
    n, m = len(id_sorted), len(ood_sorted)
    id_weights, ood_weights = _draw_weights(id_scores, ood_scores, replicates, seed)
    replicates = len(id_weights)

    id_below = np.zeros((replicates, n + 1))
    np.cumsum(id_weights, axis=1, out=id_below[:, 1:])
    left, right = (np.searchsorted(id_sorted, ood_sorted, side=side) for side in ("left", "right"))
    wins = ((id_below[:, left] + id_below[:, right]) * ood_weights).sum(axis=1)

    ranks = (id_below[:, 1:] >= 0.95 * n).argmax(axis=1)
    ood_below = np.zeros((replicates, m + 1))
    np.cumsum(ood_weights, axis=1, out=ood_below[:, 1:])
    passed = np.searchsorted(ood_sorted, id_sorted[ranks], side="right")
    return {"auroc": wins / (2 * n * m), "fpr95": ood_below[np.arange(replicates), passed] / m}


def _draw_weights(
    id_scores: np.ndarray, ood_scores: np.ndarray, replicates: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the weights of both sets' samples in each resample, with columns in ascending order of the scores."""
    n, m = len(id_scores), len(ood_scores)
    replicates = max(min(replicates, _MOST_DRAWS // (n + m)), 50)
    # The draws are paired only if weights belong to samples, not to ranks.
    id_weights = bootstrap_weights(n, replicates, seed)[:, np.argsort(id_scores, kind="stable")]
    return id_weights, bootstrap_weights(m, replicates, seed + 1)[:, np.argsort(ood_scores, kind="stable")]


def bootstrap_aupr(
    id_scores: ArrayLike, ood_scores: ArrayLike, replicates: int = 400, seed: int = 0
) -> dict[str, np.ndarray]:
    """Compute AUPR-In and AUPR-Out of the same resampled sets as `bootstrap`: `aupr_in`, `aupr_out` → (replicates,)."""
    id_scores, ood_scores = _validate(id_scores, ood_scores)
    id_weights, ood_weights = _draw_weights(id_scores, ood_scores, replicates, seed)
    ids, oods = np.sort(id_scores), np.sort(ood_scores)
    return {
        "aupr_in": _weighted_precision(ids, oods, id_weights, ood_weights),
        "aupr_out": _weighted_precision(-oods[::-1], -ids[::-1], ood_weights[:, ::-1], id_weights[:, ::-1]),
    }


def _weighted_precision(
    positives: np.ndarray, negatives: np.ndarray, positive_weights: np.ndarray, negative_weights: np.ndarray
) -> np.ndarray:
    """Compute `_average_precision` of weighted samples, (replicates,), where small scores stand for positives.

    Args:
        positives: (n,) ascending scores.
        negatives: (m,) ascending scores.
        positive_weights: (replicates, n) weights.
        negative_weights: (replicates, m) weights.
    """
    ends = np.flatnonzero(np.r_[positives[1:] != positives[:-1], True])  # last index of each distinct score
    true_positives = np.cumsum(positive_weights, axis=1, dtype=np.float64)[:, ends]
    below = np.zeros((len(negative_weights), len(negatives) + 1))
    np.cumsum(negative_weights, axis=1, out=below[:, 1:])
    false_positives = below[:, np.searchsorted(negatives, positives[ends], side="right")]
    precision = true_positives / np.maximum(true_positives + false_positives, 1)  # without draws there is no gain
    gains = np.diff(true_positives, prepend=0, axis=1)
    return (gains * precision).sum(axis=1) / true_positives[:, -1]


class Estimate(NamedTuple):
    """A metric with its 95 % interval, as shares in [0, 1].

    Attributes:
        value: the metric.
        low: 2.5th percentile of its bootstrap replicates.
        high: 97.5th percentile.
    """

    value: float
    low: float
    high: float


def estimate(
    id_scores: ArrayLike, ood_scores: Mapping[str, ArrayLike], replicates: int = 400
) -> dict[str, dict[str, Estimate]]:
    """Compute all four metrics with their intervals against each OOD set, and their mean under `average`.

    The arguments and the keys of the result are those of `evaluate`.
    """
    table: dict[str, dict[str, Estimate]] = {}
    drawn: dict[str, list[np.ndarray]] = {key: [] for key in METRICS}
    values = evaluate(id_scores, {name: to_array(scores) for name, scores in ood_scores.items()})
    for name, scores in ood_scores.items():
        of_set = bootstrap(id_scores, scores, replicates) | bootstrap_aupr(id_scores, scores, replicates)
        table[name] = {key: _with_interval(values[name][key], of_set[key]) for key in METRICS}
        for key in METRICS:
            drawn[key].append(of_set[key])
    if table:
        fewest = min(map(len, drawn["auroc"]))  # large sets have fewer replicates
        means = {key: np.mean([replicated[:fewest] for replicated in drawn[key]], axis=0) for key in METRICS}
        table["average"] = {key: _with_interval(values["average"][key], means[key]) for key in METRICS}
    return table


def _with_interval(value: float, replicates: np.ndarray) -> Estimate:
    low, high = np.percentile(replicates, [2.5, 97.5])
    return Estimate(value, float(low), float(high))


@lru_cache(maxsize=8)
def bootstrap_weights(n: int, replicates: int, seed: int) -> np.ndarray:
    """Draw how often each sample occurs in each resample, (replicates, n).

    The draws are cached, because every row of a table needs the same ones.
    """
    rng = np.random.default_rng((seed, n))
    return rng.multinomial(n, np.full(n, 1 / n), size=replicates).astype(np.float32)
