"""Drift: tests of whether groups of new images (a day, a camera, a site) still look like the calibration images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heat_core.errors import HeatError
from heat_core.guard.conformal import Calibration
from heat_core.metrics import wilson_interval
from heat_core.thresholds import DEFAULT_ALPHA, require_alpha

_SIGNIFICANCE = 0.05  # level of the corrected test
_MAX_GROUPS = 10_000
OTHER_DOMAIN_SHARE = 0.5  # share of unknown images above which the whole group is likely from another domain


@dataclass(frozen=True)
class GroupDrift:
    """Result of the drift test of one group of images.

    Attributes:
        name: name of the group.
        images: number of images with a score. If it is 0, the share, its bounds, distance and p-value are NaN.
        unknown: number of images with p ≤ α.
        low: lower bound of the 95 % interval (Wilson) of the share of unknown images.
        high: upper bound of that interval.
        distance: Kolmogorov–Smirnov distance between the scores of the group and of the calibration, which is also that
            between their p-values: the largest difference of the two distribution functions, in [0, 1].
        p_value: p-value of that distance, corrected for the number of groups (Holm, 1979).
        verdict: a short text, empty if the group shows no drift.
        unreadable: number of further images of the group, which could not be read and have no score.
    """

    name: str
    images: int
    unknown: int
    low: float
    high: float
    distance: float
    p_value: float
    verdict: str
    unreadable: int = 0

    @property
    def share(self) -> float:
        """Share of unknown images, in [0, 1]; NaN if no image has a score."""
        return self.unknown / self.images if self.images else math.nan


def drift(
    calibration: Calibration, scores: np.ndarray, groups: Sequence[str], alpha: float = DEFAULT_ALPHA
) -> list[GroupDrift]:
    """Test each group of images against the calibration, in the order of the groups' names.

    If the images of a group are exchangeable with the calibration images, their p-values are uniform. But all of them
    depend on the same n calibration images, so a test against the uniform distribution would find drift in every large
    group. The two-sample Kolmogorov–Smirnov test of the scores compares the same distributions and accounts for this.

    Args:
        calibration: scores of known images.
        scores: (N,) OOD scores of new images; images with NaN are counted as not readable.
        groups: N names, the group of each image.
        alpha: false-alarm rate α, from which images count as unknown.

    Raises:
        HeatError: when there are not N names, or more than 10,000 groups.
    """
    from scipy.stats import ks_2samp

    require_alpha(alpha)
    if len(groups) != len(scores):
        raise HeatError(f"There are {len(scores)} scores and {len(groups)} group names: give a name for each score.")
    names, group_index = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) > _MAX_GROUPS:
        raise HeatError(f"There are {len(names):,} groups: choose a column with fewer values, such as a day.")
    ends = np.cumsum(np.bincount(group_index, minlength=len(names)))[:-1]
    members = [scores[rows] for rows in np.split(np.argsort(group_index, kind="stable"), ends) if len(rows)]
    scored = [own[~np.isnan(own)] for own in members]
    tests = [ks_2samp(calibration.scores, own, method="auto") for own in scored if len(own)]
    p_values = iter(holm([test.pvalue for test in tests]))
    distances = iter([float(test.statistic) for test in tests])
    return [
        _describe_group(name, own, calibration, next(distances), next(p_values), alpha, len(whole) - len(own))
        if len(own)
        else GroupDrift(name, 0, 0, math.nan, math.nan, math.nan, math.nan, "no image is readable", len(whole))
        for name, own, whole in zip(names.tolist(), scored, members, strict=True)
    ]


def _describe_group(
    name: str, scores: np.ndarray, calibration: Calibration, distance: float, p: float, alpha: float, unreadable: int
) -> GroupDrift:
    unknown = int((calibration.p_values(scores) <= alpha).sum())
    low, high = wilson_interval(unknown, len(scores))
    return GroupDrift(name, len(scores), unknown, low, high, distance, p, _verdict(low, p, alpha), unreadable)


def _verdict(low: float, p: float, alpha: float) -> str:
    if low > OTHER_DOMAIN_SHARE:
        return "another domain?"
    if p > _SIGNIFICANCE:
        return ""
    return "more unknown images than α allows" if low > alpha else "unlike the calibration images"


def holm(p: Sequence[float]) -> list[float]:
    """Correct the p-values of several tests (Holm, 1979).

    If no group has drifted, the probability that any corrected p-value is at most α is at most α.

    Args:
        p: p-values of the tests.

    Returns:
        The corrected p-values, in the order of the tests and at most 1.
    """
    order = np.argsort(p, kind="stable")
    raised = np.asarray(p)[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return corrected.tolist()
