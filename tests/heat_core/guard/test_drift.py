"""Drift by group, on a made-up month of real images."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from heat_core import HeatError
from heat_core.guard.conformal import Calibration
from heat_core.guard.drift import OTHER_DOMAIN_SHARE, drift, holm


@pytest.fixture
def month(demo_run):
    """(calibration, scores, days): 30 days of known digits; on the 12th a third is unseen digits, and on the 20th the
    camera shows photographs."""
    rng = np.random.default_rng(0)
    known = rng.permutation(demo_run.scores("id"))
    calibration = Calibration(known[:400], np.zeros(400, int))
    rest, scores, days = known[400:], [], []
    for day in range(1, 31):
        of_day = rng.choice(rest, 40, replace=False)
        if day == 12:
            of_day[:14] = rng.choice(demo_run.scores("unseen digits"), 14, replace=False)
        if day == 20:
            of_day = rng.choice(demo_run.scores("photo patches"), 40, replace=False)
        scores.append(of_day)
        days += [f"2026-06-{day:02d}"] * 40
    return calibration, np.concatenate(scores), days


def test_the_days_that_changed_are_found(month):
    found = {group.name: group for group in drift(*month)}
    assert list(found) == sorted(found)
    assert len(found) == 30
    told = {name for name, group in found.items() if group.verdict}
    assert told == {"2026-06-12", "2026-06-20"}
    assert found["2026-06-20"].verdict == "another domain?"
    assert found["2026-06-20"].low > OTHER_DOMAIN_SHARE
    assert found["2026-06-12"].verdict == "more unknown images than α allows"


def test_the_numbers_are_those_of_the_plain_formulas(month):
    calibration, scores, days = month
    group = drift(calibration, scores, days, alpha=0.1)[11]
    of_day = scores[np.array(days) == "2026-06-12"]
    p = [(1 + sum(c >= s for c in calibration.scores)) / 401 for s in of_day]
    assert [group.images, group.unknown] == [40, sum(value <= 0.1 for value in p)]
    share, z = group.unknown / 40, 1.959964
    middle, half = share + z * z / 80, z * np.sqrt(share * (1 - share) / 40 + z * z / 6400)
    np.testing.assert_allclose([group.low, group.high], np.array([middle - half, middle + half]) / (1 + z * z / 40))
    raw = [ks_2samp(calibration.scores, scores[np.array(days) == day]).pvalue for day in sorted(set(days))]
    assert group.p_value == pytest.approx(holm(raw)[11])
    assert group.distance == pytest.approx(
        max(abs((of_day <= t).mean() - (calibration.scores <= t).mean()) for t in np.r_[of_day, calibration.scores])
    )


def test_months_without_a_change_rarely_show_one(demo_run):
    known, rng, told = demo_run.scores("id"), np.random.default_rng(3), 0
    for _ in range(40):
        order = rng.permutation(known)
        groups = np.repeat(np.arange(10), (len(order) - 300) // 10).astype(str)
        found = drift(Calibration(order[:300], np.zeros(300, int)), order[300 : 300 + len(groups)], groups)
        told += any(group.p_value <= 0.05 for group in found)
    assert told <= 7  # 5 % of 40 months are two; more than seven would come once in three hundred times


def test_holm_on_a_small_example():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_a_group_without_readable_images_keeps_its_row(month):
    calibration, scores, days = month
    broken = np.r_[scores, np.full(5, np.nan), scores[0], np.nan]
    found = {group.name: group for group in drift(calibration, broken, [*days, *["B"] * 5, "A", "A"])}
    assert [found["B"].images, found["B"].unreadable, found["B"].unknown] == [0, 5, 0]
    assert found["B"].verdict == "no image is readable"
    assert all(np.isnan([found["B"].share, found["B"].low, found["B"].high, found["B"].distance, found["B"].p_value]))
    assert [found["A"].images, found["A"].unreadable] == [1, 1]
    alone = {group.name: group for group in drift(calibration, np.r_[scores, scores[0]], [*days, "A"])}
    assert {name: group for name, group in found.items() if name not in "AB"} == {
        name: group for name, group in alone.items() if name != "A"
    }
    assert [group.images for group in drift(calibration, np.array([np.nan]), ["a"])] == [0]
    assert drift(calibration, np.empty(0), []) == []


def test_groups_that_do_not_fit_are_refused(month):
    calibration, scores, days = month
    with pytest.raises(HeatError, match="give a name for each score"):
        drift(calibration, scores, days[:-1])
    with pytest.raises(HeatError, match="choose a column with fewer values"):
        drift(calibration, np.zeros(10_001), [str(i) for i in range(10_001)])
