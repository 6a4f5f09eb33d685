"""Metrics FPR95, AUROC, AUPR-In and AUPR-Out, with intervals.

Each metric takes `(id_scores, ood_scores)`, two 1-d arrays with larger = more out-of-distribution, and returns a share
in [0, 1]. As in the paper, ID is the positive class of FPR95 and AUPR-In (OpenOOD takes OOD as positive).
"""

from functools import lru_cache

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
    replicates = max(min(replicates, _MOST_DRAWS // (n + m)), 50)
    # The draws are paired only if weights belong to samples, not to ranks.
    id_weights = bootstrap_weights(n, replicates, seed)[:, np.argsort(id_scores, kind="stable")]
    ood_weights = bootstrap_weights(m, replicates, seed + 1)[:, np.argsort(ood_scores, kind="stable")]

    id_below = np.zeros((replicates, n + 1))
    np.cumsum(id_weights, axis=1, out=id_below[:, 1:])
    left, right = (np.searchsorted(id_sorted, ood_sorted, side=side) for side in ("left", "right"))
    wins = ((id_below[:, left] + id_below[:, right]) * ood_weights).sum(axis=1)

    ranks = (id_below[:, 1:] >= 0.95 * n).argmax(axis=1)
    ood_below = np.zeros((replicates, m + 1))
    np.cumsum(ood_weights, axis=1, out=ood_below[:, 1:])
    passed = np.searchsorted(ood_sorted, id_sorted[ranks], side="right")
    return {"auroc": wins / (2 * n * m), "fpr95": ood_below[np.arange(replicates), passed] / m}


@lru_cache(maxsize=8)
def bootstrap_weights(n: int, replicates: int, seed: int) -> np.ndarray:
    """Draw how often each sample occurs in each resample, (replicates, n).

    The draws are cached, because every row of a table needs the same ones.
    """
    rng = np.random.default_rng((seed, n))
    return rng.multinomial(n, np.full(n, 1 / n), size=replicates).astype(np.float32)
