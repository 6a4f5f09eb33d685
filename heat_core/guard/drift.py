"""Drift: whether groups of new images (a day, a camera, a site) still look like those of the calibration."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heat_core.errors import HeatError
from heat_core.guard.conformal import USUAL_ALPHA, Calibration
from heat_core.metrics import require_alpha, wilson_interval

_SIGNIFICANCE = 0.05  # of the corrected test
_MAX_GROUPS = 10_000
OTHER_DOMAIN_SHARE = 0.5  # share of unknown images from which the whole group is likely of another domain


@dataclass(frozen=True)
class GroupDrift:
    """What a group of images shows.

    Attributes:
        name: of the group.
        images: that have a score.
        unknown: those with p ≤ α.
        low: of the 95 % interval (Wilson) of their share.
        high: the same.
        distance: between the group's p-values and uniform ones, as the calibration has them: the largest difference
            of the two distribution functions (Kolmogorov & Smirnov).
        p_value: of that distance, made larger for how many groups were tested (Holm, 1979).
        verdict: a few words; empty where there is nothing to say.
    """

    name: str
    images: int
    unknown: int
    low: float
    high: float
    distance: float
    p_value: float
    verdict: str

    @property
    def share(self) -> float:
        """Of unknown images."""
        return self.unknown / self.images


def drift(
    calibration: Calibration, scores: np.ndarray, groups: Sequence[str], alpha: float = USUAL_ALPHA
) -> list[GroupDrift]:
    """Each group against the calibration, in the order of their names.

    p-values of a group are uniform where its images are exchangeable with the calibration's. They share the calibration
    images, of which there are n: a test against the uniform distribution itself would find drift in every large group.
    The two-sample test of the scores is the same test with that taken into account.

    Args:
        calibration: of known images.
        scores: (N,) of new images; NaN where there is none, and that image does not count.
        groups: N names.
        alpha: the false-alarm rate.

    Raises:
        HeatError: where the groups do not fit the scores, or are far too many.
    """
    from scipy.stats import ks_2samp

    require_alpha(alpha)
    if len(groups) != len(scores):
        raise HeatError(f"There are {len(scores)} scores and {len(groups)} names of groups: give one each.")
    is_scored = ~np.isnan(scores)
    names, group_index = np.unique(np.asarray(groups, dtype=str)[is_scored], return_inverse=True)
    if len(names) > _MAX_GROUPS:
        raise HeatError(f"There are {len(names):,} groups: choose a column with fewer values, such as a day.")
    scores = scores[is_scored]
    ends = np.cumsum(np.bincount(group_index, minlength=len(names)))[:-1]
    members = [scores[rows] for rows in np.split(np.argsort(group_index, kind="stable"), ends) if len(rows)]
    tests = [ks_2samp(calibration.scores, own, method="auto") for own in members]
    corrected = holm([test.pvalue for test in tests])
    return [
        _describe_group(str(name), own, calibration, float(test.statistic), p, alpha)
        for name, own, test, p in zip(names, members, tests, corrected, strict=True)
    ]


def _describe_group(
    name: str, scores: np.ndarray, calibration: Calibration, distance: float, p: float, alpha: float
) -> GroupDrift:
    unknown = int((calibration.p_values(scores) <= alpha).sum())
    low, high = wilson_interval(unknown, len(scores))
    return GroupDrift(name, len(scores), unknown, low, high, distance, p, _verdict(low, p, alpha))


def _verdict(low: float, p: float, alpha: float) -> str:
    if low > OTHER_DOMAIN_SHARE:
        return "another domain?"
    if p > _SIGNIFICANCE:
        return ""
    return "more unknown than known images give" if low > alpha else "unlike the calibration images"


def holm(p: Sequence[float]) -> list[float]:
    """p-values of several tests, made larger so that a share of at most α of such families has one below α by chance
    (Holm, 1979)."""
    order = np.argsort(p, kind="stable")
    raised = np.asarray(p)[order] * np.arange(len(p), 0, -1)
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return corrected.tolist()
