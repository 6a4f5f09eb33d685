"""FPR95, AUROC, AUPR-In and AUPR-Out.

Every function takes `(id_scores, ood_scores)`, two 1-d arrays with larger = more out-of-distribution, and returns a
share in [0, 1]. As in the paper ID is the positive class of FPR95 and AUPR-In (OpenOOD takes OOD as positive).
"""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from heat_core.errors import HeatError


def _validate(id_scores: ArrayLike, ood_scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    pair = []
    for name, scores in (("ID", id_scores), ("OOD", ood_scores)):
        scores = np.asarray(scores, dtype=np.float64).ravel()
        if scores.size == 0:
            raise HeatError(f"There are no {name} scores: a metric needs at least one ID and one OOD sample.")
        if np.isnan(scores).any():
            raise HeatError(f"{int(np.isnan(scores).sum())} of the {name} scores are NaN: check the features.")
        pair.append(scores)
    return pair[0], pair[1]


def threshold95(id_scores: ArrayLike) -> float:
    """The 95th percentile of the ID test scores; a sample above it is called OOD (Sec. 4.4)."""
    scores = np.asarray(id_scores, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        value = np.percentile(scores, 95)
    return float(np.percentile(scores, 95, method="higher") if np.isnan(value) else value)  # NaN: between infinities


def threshold_at(id_scores: ArrayLike, alpha: float) -> float:
    """What a score must exceed for its conformal p-value to be at most α (see `guard.conformal`): of known images that
    are exchangeable with these a share of at most α does. +inf where α is below 1 / (n + 1), the smallest p.
    """
    scores = np.sort(np.asarray(id_scores, dtype=np.float64))
    rank = math.floor(require_alpha(alpha) * (len(scores) + 1) * (1 + 1e-12))  # from the largest score
    return float(scores[-rank]) if rank else math.inf


def require_alpha(alpha: float) -> float:
    """A false-alarm rate between 0 and 1; HeatError otherwise."""
    if not 0 < alpha < 1:
        raise HeatError(f"α is {alpha}: give a share between 0 and 1, 0.05 for 5 % of the known images.")
    return alpha


def wilson_interval(count: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's 95 % interval of a share (Wilson, JASA 1927): (0, 1) where nothing was counted."""
    if not total:
        return 0.0, 1.0
    share, weight = count / total, z * z / total
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * np.sqrt(share * (1 - share) / total + weight / (4 * total))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def fpr95(id_scores: ArrayLike, ood_scores: ArrayLike) -> float:
    """Share of OOD samples that are not above the 95th percentile of the ID scores, so pass for ID (Sec. 4)."""
    id_scores, ood_scores = _validate(id_scores, ood_scores)
    return float((ood_scores <= threshold95(id_scores)).mean())


def auroc(id_scores: ArrayLike, ood_scores: ArrayLike) -> float:
    """P(OOD score > ID score) + ½ P(equal): the area under the ROC curve, by ranks."""
    id_scores, ood_scores = _validate(id_scores, ood_scores)
    ordered = np.sort(id_scores)
    below = np.searchsorted(ordered, ood_scores, side="left")
    not_above = np.searchsorted(ordered, ood_scores, side="right")
    return float((below + not_above).mean() / (2 * len(ordered)))


def _average_precision(positives: np.ndarray, negatives: np.ndarray) -> float:
    """Σ (recall_i - recall_{i-1}) precision_i over the distinct scores from the top: scikit-learn's, from two sorts."""
    positives, negatives = np.sort(-positives), np.sort(-negatives)
    ends = np.flatnonzero(np.r_[positives[1:] != positives[:-1], True])  # the last of each score: all of it is taken
    true_positives = ends + 1
    false_positives = np.searchsorted(negatives, positives[ends], side="right")
    precision = true_positives / (true_positives + false_positives)
    return float((np.diff(true_positives, prepend=0) * precision).sum() / len(positives))


def aupr_in(id_scores: ArrayLike, ood_scores: ArrayLike) -> float:
    """Average precision with ID as the positive class (the paper's AUPR, App. B)."""
    id_scores, ood_scores = _validate(id_scores, ood_scores)
    return _average_precision(-id_scores, -ood_scores)


def aupr_out(id_scores: ArrayLike, ood_scores: ArrayLike) -> float:
    """Average precision with OOD as the positive class."""
    id_scores, ood_scores = _validate(id_scores, ood_scores)
    return _average_precision(ood_scores, id_scores)


METRICS = {"fpr95": fpr95, "auroc": auroc, "aupr_in": aupr_in, "aupr_out": aupr_out}


def evaluate(id_scores: ArrayLike, ood_scores: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """All four metrics against each OOD set, and their plain mean under `average` (as in Tabs. 1 to 11)."""
    table = {name: {key: metric(id_scores, s) for key, metric in METRICS.items()} for name, s in ood_scores.items()}
    if table:
        table["average"] = {key: float(np.mean([row[key] for row in table.values()])) for key in METRICS}
    return table


def roc_curve(id_scores: ArrayLike, ood_scores: ArrayLike, points: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """(share of OOD kept as ID, share of ID kept as ID) as the threshold sweeps over `points` ID quantiles."""
    id_scores, ood_scores = _validate(id_scores, ood_scores)
    thresholds = np.quantile(np.r_[id_scores, ood_scores], np.linspace(0, 1, points), method="nearest")
    kept_ood = np.searchsorted(np.sort(ood_scores), thresholds, side="right") / len(ood_scores)
    kept_id = np.searchsorted(np.sort(id_scores), thresholds, side="right") / len(id_scores)
    return np.r_[0, kept_ood], np.r_[0, kept_id]


_MOST_DRAWS = 20_000_000  # replicates × samples, which bounds the memory of a bootstrap


def bootstrap(
    id_scores: ArrayLike, ood_scores: ArrayLike, replicates: int = 400, seed: int = 0
) -> dict[str, np.ndarray]:
    """FPR95 and AUROC of resampled ID and OOD sets: name → (replicates,).

    The draws depend on `seed` and the sizes alone: two detectors on the same sets see the same resamples, so that the
    differences of their replicates are a paired comparison. Nothing is sorted again for a replicate: a resample is
    a weight per sample, and both metrics are sums of weights in the one order. (FPR95's threshold is the nearest rank
    here, without interpolation. Large sets get fewer replicates, at least 50.)
    """
    id_scores, ood_scores = _validate(id_scores, ood_scores)
    id_sorted, ood_sorted = np.sort(id_scores), np.sort(ood_scores)
    n, m = len(id_sorted), len(ood_sorted)
    replicates = max(min(replicates, _MOST_DRAWS // (n + m)), 50)
    # Weights belong to samples, not to ranks, for the pairing to hold.
    id_weights = _weights(n, replicates, seed)[:, np.argsort(id_scores, kind="stable")]
    ood_weights = _weights(m, replicates, seed + 1)[:, np.argsort(ood_scores, kind="stable")]

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
def _weights(n: int, replicates: int, seed: int) -> np.ndarray:
    """(replicates, n): how often each sample is drawn. Kept, since a table asks for the same draws in every row."""
    rng = np.random.default_rng((seed, n))
    return rng.multinomial(n, np.full(n, 1 / n), size=replicates).astype(np.float32)
