"""Combination of the p-values that several scores give an image, as statisticians combine tests.

Dadalto et al., TMLR 2024 (arXiv:2406.16045) combine OOD scores by Fisher's method; Novello et al., 2024
(arXiv:2407.07135), compare this with other ways of combining detectors.
"""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import combine_pvalues, hmean

from heat_core.errors import HeatError
from heat_core.guard.conformal import Calibration

METHODS = ("fisher", "harmonic")
_SMALLEST = float(np.finfo(float).tiny)


def combine_p_values(p: ArrayLike, method: str) -> np.ndarray:
    """Combine the p-values of K tests of each image into one.

    - fisher: -2 Σ_k log p_k is a χ² variable of 2K degrees of freedom (Fisher, 1925). This holds for independent tests.
      Scores of the same image depend on each other, so that the result is then smaller than a p-value is, and only its
      order can be used.
    - harmonic: the harmonic mean K / Σ_k (1 / p_k) (Wilson, PNAS 2019), which dependence affects little; small values
      are p-values approximately.

    Args:
        p: (N, K) p-values, above 0 and at most 1.
        method: one of `METHODS`.

    Returns:
        (N,) float64 combined values, above 0 and at most 1; NaN where a p-value of the row is NaN. Values that would be
        below the smallest normal number (2.2e-308) become this number.

    Raises:
        HeatError: where the method is unknown, p has another shape, or a value is not above 0 and at most 1.
    """
    values = np.asarray(p, dtype=np.float64)
    if method not in METHODS:
        raise HeatError(f"p-values cannot be combined by {method!r}: choose among {', '.join(METHODS)}.")
    if values.ndim != 2 or not values.shape[1] or (values <= 0).any() or (values > 1).any():
        raise HeatError("p-values must be an array (N, K) of numbers above 0 and at most 1, with K of at least 1.")
    if method == "fisher":
        return np.maximum(combine_pvalues(values, "fisher", axis=1).pvalue, _SMALLEST)
    return np.asarray(hmean(np.maximum(values, values.shape[1] * _SMALLEST), axis=1))  # whose sum is finite


def combined_scores(known: np.ndarray, others: np.ndarray | None, method: str) -> np.ndarray:
    """Score images by the combined conformal p-values of K energies, calibrated by known images.

    The calibration images are scored themselves, each against all others (leave-one-out), so that known and unknown
    images can be compared. Equal energies count as at least as unusual, without random numbers. With n calibration
    images no p-value is below 1 / (n + 1): images whose energies are all above those of every known image have the same
    score, so that few calibration images give many ties.

    Args:
        known: (n, K) energies of known images on which nothing was fitted; larger is more out-of-distribution.
        others: (N, K) energies of the images to score; None = the known ones.
        method: one of `METHODS`.

    Returns:
        (N,) scores, -log of the combined value; larger is more out-of-distribution.
    """
    p = np.empty((known if others is None else others).shape)
    for k, column in enumerate(known.T):
        calibration = Calibration(column, np.zeros(len(column), int))
        p[:, k] = calibration.leave_one_out() if others is None else calibration.p_values(others[:, k])
    return np.abs(np.log(combine_p_values(p, method)))
