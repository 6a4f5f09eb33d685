"""Thresholds of OOD scores: by default the 95th percentile of the ID test scores, or one at a false-alarm rate α."""

import math

import numpy as np
from numpy.typing import ArrayLike

from heat_core.errors import HeatError

DEFAULT_ALPHA = 0.05  # false-alarm rate of p-values where none is chosen


def threshold95(id_scores: ArrayLike) -> float:
    """Return the 95th percentile of the ID test scores; a sample above it is called OOD (Sec. 4.4)."""
    scores = np.asarray(id_scores, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        value = np.percentile(scores, 95)
    # Interpolation between infinite scores gives NaN.
    return float(np.percentile(scores, 95, method="higher") if np.isnan(value) else value)


def threshold_at(id_scores: ArrayLike, alpha: float) -> float:
    """Return the threshold above which a score's conformal p-value is at most α (see `guard.conformal`).

    Known images that are exchangeable with the ID test images exceed it with probability at most α.

    Args:
        id_scores: (n,) scores of the ID test images.
        alpha: false-alarm rate between 0 and 1.

    Returns:
        The threshold, which is +inf if α is below 1 / (n + 1), the smallest possible p-value.

    Raises:
        HeatError: if α is not between 0 and 1.
    """
    scores = np.sort(np.asarray(id_scores, dtype=np.float64))
    rank = math.floor(require_alpha(alpha) * (len(scores) + 1) * (1 + 1e-12))  # rank 1 is the largest score
    return float(scores[-rank]) if rank else math.inf


def require_alpha(alpha: float) -> float:
    """Return a false-alarm rate if it is between 0 and 1.

    Raises:
        HeatError: if it is not.
    """
    if not 0 < alpha < 1:
        raise HeatError(f"α is {alpha}: give a share between 0 and 1, 0.05 for 5 % of the known images.")
    return alpha
