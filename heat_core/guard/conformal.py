"""Conformal p-values of OOD scores (Vovk et al., 2005; Bates et al., 2023).

The p-value of an image is the share of known images that look at least as unusual. It is valid on one condition: new
known images are exchangeable with the calibration images, on which nothing was fitted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from heat_core.errors import HeatError
from heat_core.thresholds import require_alpha, threshold_at

_CLOSE = 1e-9  # relative difference of a p-value and its bound that may be rounding
_LARGEST_DENOMINATOR = 10**7  # above the number of calibration images, and of the decimals of an α


def min_calibration_size(alpha: float) -> int:
    """Compute how many calibration images p ≤ α needs: with n images, the smallest p is 1 / (n + 1)."""
    return math.ceil(round(1 / require_alpha(alpha) - 1, 9))


def benjamini_hochberg(p: ArrayLike, alpha: float) -> np.ndarray:
    """Select the discoveries: of the images that are called unknown, a share of at most α is expected to be known.

    The procedure is that of Benjamini & Hochberg, 1995; Bates et al., 2023, Thm. 2, show it for conformal p-values.

    Args:
        p: (N,) p-values; an image whose p is NaN is never a discovery.
        alpha: α between 0 and 1.

    Returns:
        (N,) bool, true for discoveries.
    """
    values = np.asarray(p, dtype=np.float64)
    require_alpha(alpha)
    valid = np.flatnonzero(~np.isnan(values))
    order = valid[np.argsort(values[valid], kind="stable")]
    is_discovery = np.zeros(values.shape, bool)
    is_discovery[order[: _discovery_count(values[order], alpha)]] = True
    return is_discovery


def _discovery_count(p: np.ndarray, alpha: float) -> int:
    """Return the largest k with p_k ≤ α k / n of n ascending p-values; 0 if there is none.

    p-values are fractions j / (calibration images + 1), and equal that bound often. Floating-point numbers would then
    decide by their rounding, so that values close to the bound are compared as fractions.
    """
    ranks = np.arange(1, len(p) + 1)
    bounds = alpha * ranks / max(len(p), 1)
    is_close = np.isclose(p, bounds, rtol=_CLOSE, atol=0)
    count = int(ranks[(p <= bounds) & ~is_close].max(initial=0))
    exact_alpha = _to_fraction(alpha)
    for k in reversed(ranks[is_close & (ranks > count)].tolist()):
        if _to_fraction(p[k - 1]) * len(p) <= exact_alpha * k:
            return k
    return count


def _to_fraction(value: float) -> Fraction:
    """Return the fraction with a denominator of at most `_LARGEST_DENOMINATOR` whose floating-point number this is."""
    return Fraction(float(value)).limit_denominator(_LARGEST_DENOMINATOR)


@dataclass(frozen=True)
class Calibration:
    """Scores of known images on which nothing was fitted.

    Attributes:
        scores: (n,) OOD scores; larger is more out-of-distribution.
        predicted: (n,) number of each image's predicted class.
    """

    scores: np.ndarray
    predicted: np.ndarray

    def __post_init__(self) -> None:
        if not len(self.scores) or len(self.scores) != len(self.predicted) or np.isnan(self.scores).any():
            raise HeatError("Calibration needs one score and one class of every image, none of them NaN.")

    def __len__(self) -> int:
        return len(self.scores)

    @cached_property
    def _sorted(self) -> np.ndarray:
        return np.sort(self.scores)

    @property
    def smallest_p(self) -> float:
        """Smallest possible p-value, 1 / (n + 1)."""
        return 1 / (len(self) + 1)

    def p_values(self, scores: ArrayLike) -> np.ndarray:
        """Compute p = (1 + #{calibration ≥ score}) / (n + 1) of (N,) scores; p is NaN for a NaN score.

        Images that are exchangeable with the calibration images have p ≤ α with probability at most α, for every α
        (Vovk et al., 2005; Bates et al., 2023).
        """
        values = np.asarray(scores, dtype=np.float64)
        above = len(self) - np.searchsorted(self._sorted, values, side="left")
        return np.where(np.isnan(values), np.nan, (1 + above) / (len(self) + 1))

    def leave_one_out(self) -> np.ndarray:
        """Compute the (n,) p-values of the calibration images themselves, each against the others."""
        return (len(self) - np.searchsorted(self._sorted, self.scores, side="left")) / len(self)

    def p_values_by_class(self, scores: ArrayLike, predicted: ArrayLike) -> np.ndarray:
        """Compute p-values against the calibration images of the same predicted class (Mondrian conformal prediction).

        The false-alarm rate then holds within each predicted class (Vovk et al., 2005, Sec. 4.5).

        Args:
            scores: (N,) OOD scores.
            predicted: (N,) numbers of the predicted classes.

        Returns:
            (N,) p-values: NaN for a NaN score, and 1 for a predicted class without calibration images.
        """
        values, classes = np.asarray(scores, dtype=np.float64), np.asarray(predicted)
        p = np.where(np.isnan(values), np.nan, 1.0)
        for c in np.intersect1d(classes, self.predicted):
            rows = np.flatnonzero(classes == c)
            p[rows] = self.for_class(int(c)).p_values(values[rows])
        return p

    def for_class(self, predicted: int) -> "Calibration":
        """Select the calibration images with one predicted class."""
        rows = self.predicted == predicted
        return Calibration(self.scores[rows], self.predicted[rows])

    def undersized_classes(self, alpha: float, class_names: Sequence[str]) -> list[str]:
        """List the predicted classes with too few calibration images for p ≤ α."""
        counts = np.bincount(self.predicted, minlength=len(class_names))
        return [name for name, count in zip(class_names, counts, strict=True) if count < min_calibration_size(alpha)]

    def threshold(self, alpha: float) -> float:
        """Return the threshold that a score with p ≤ α exceeds; +inf if α is below the smallest p."""
        return threshold_at(self._sorted, alpha)
