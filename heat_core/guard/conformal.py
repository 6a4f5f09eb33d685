"""Conformal p-values of scores: how often an image that is known would look at least as unusual.

They hold on one condition: new known images are exchangeable with the calibration images, on which nothing was fitted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from heat_core.errors import HeatError
from heat_core.metrics import require_alpha, threshold_at

USUAL_ALPHA = 0.05  # the false-alarm rate by default


def min_calibration_size(alpha: float) -> int:
    """How many calibration images p ≤ α needs: with n of them, p is 1 / (n + 1) at least."""
    return math.ceil(round(1 / require_alpha(alpha) - 1, 9))


def benjamini_hochberg(p: ArrayLike, alpha: float) -> np.ndarray:
    """(N,) bool: the samples called unknown so that a share of at most α of those called is expected to be known
    (Benjamini & Hochberg, 1995; Bates et al., 2023, Thm. 2 for conformal p-values). NaN is never called.
    """
    values = np.asarray(p, dtype=np.float64)
    require_alpha(alpha)
    valid = np.flatnonzero(~np.isnan(values))
    order = valid[np.argsort(values[valid], kind="stable")]
    below = np.flatnonzero(values[order] <= alpha * np.arange(1, len(order) + 1) / max(len(order), 1))
    is_discovery = np.zeros(values.shape, bool)
    if len(below):
        is_discovery[order[: below[-1] + 1]] = True
    return is_discovery


@dataclass(frozen=True)
class Calibration:
    """Scores of known images that nothing was fitted on.

    Attributes:
        scores: (n,) larger = more out-of-distribution.
        predicted: (n,) the class that the classifier sees in each.
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
        """1 / (n + 1)."""
        return 1 / (len(self) + 1)

    def p_values(self, scores: ArrayLike) -> np.ndarray:
        """(N,) p = (1 + #{calibration ≥ score}) / (n + 1) (Vovk et al., 2005; Bates et al., 2023); NaN of NaN.

        Of images exchangeable with those of the calibration a share of at most α has p ≤ α, for every α.
        """
        values = np.asarray(scores, dtype=np.float64)
        above = len(self) - np.searchsorted(self._sorted, values, side="left")
        return np.where(np.isnan(values), np.nan, (1 + above) / (len(self) + 1))

    def p_values_by_class(self, scores: ArrayLike, predicted: ArrayLike) -> np.ndarray:
        """(N,) the same, each against the calibration images of its own predicted class (Mondrian; Vovk et al., 2005,
        Sec. 4.5): the rate then holds within every predicted class. 1 for a class that has none."""
        values, classes = np.asarray(scores, dtype=np.float64), np.asarray(predicted)
        p = np.where(np.isnan(values), np.nan, 1.0)
        for c in np.intersect1d(classes, self.predicted):
            rows = np.flatnonzero(classes == c)
            p[rows] = self.for_class(int(c)).p_values(values[rows])
        return p

    def for_class(self, predicted: int) -> "Calibration":
        """The images in which the classifier sees one class."""
        rows = self.predicted == predicted
        return Calibration(self.scores[rows], self.predicted[rows])

    def undersized_classes(self, alpha: float, class_names: Sequence[str]) -> list[str]:
        """Classes that have too few calibration images for p ≤ α to be reached."""
        counts = np.bincount(self.predicted, minlength=len(class_names))
        return [name for name, count in zip(class_names, counts, strict=True) if count < min_calibration_size(alpha)]

    def threshold(self, alpha: float) -> float:
        """What a score must exceed for p ≤ α; +inf where α is below the smallest p."""
        return threshold_at(self._sorted, alpha)

    def alpha_at(self, threshold: float) -> float:
        """The smallest α at which that threshold calls no more than it promises: p of a score just above it."""
        above = len(self) - int(np.searchsorted(self._sorted, threshold, side="right"))
        return (1 + above) / (len(self) + 1)
