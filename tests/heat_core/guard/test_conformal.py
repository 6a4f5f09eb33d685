"""Conformal p-values: that they hold what they promise, on scores of real images."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom

from heat_core import HeatError
from heat_core.guard.conformal import Calibration, benjamini_hochberg, min_calibration_size

SPLITS = 1000


def calibration(scores, predicted=None) -> Calibration:
    scores = np.asarray(scores, dtype=float)
    return Calibration(scores, np.zeros(len(scores), int) if predicted is None else np.asarray(predicted))


def within_chance(count: int, of: int, rate: float) -> bool:
    """Whether a count lies where 99.9 % of such counts lie."""
    return binom.ppf(0.0005, of, rate) <= count <= binom.ppf(0.9995, of, rate)


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.1])
def test_the_rate_holds_over_a_thousand_splits_of_real_images(demo_run, alpha):
    scores, rng, called = demo_run.scores("id"), np.random.default_rng(0), 0
    for _ in range(SPLITS):
        new, *known = rng.permutation(scores)[:200]  # one new image a split: their verdicts are independent
        called += calibration(known).p_values([new])[0] <= alpha
    exact = np.floor(alpha * 200) / 200  # of 199 calibration images, where no scores are equal
    assert exact <= alpha
    assert within_chance(called, SPLITS, exact)


@pytest.mark.parametrize("alpha", [0.05, 0.1])
def test_the_rate_holds_within_every_predicted_class(demo_run, alpha):
    scores, predicted, rng = demo_run.scores("id"), demo_run.predicted("id"), np.random.default_rng(1)
    called, seen = np.zeros(6, int), np.zeros(6, int)
    for _ in range(SPLITS):
        order = rng.permutation(len(scores))
        new, known = order[:1], order[1:400]
        p = calibration(scores[known], predicted[known]).p_values_by_class(scores[new], predicted[new])
        called[predicted[new]] += p <= alpha
        seen[predicted[new]] += 1
    assert (seen > 100).all()
    # a class has few calibration images, so that its rate is below α; above it is chance alone
    assert all(called[c] <= binom.ppf(0.9995, seen[c], alpha) for c in range(6))
    assert called.sum() > 0.3 * alpha * SPLITS


def test_discoveries_hold_their_rate_on_real_images(demo_run):
    known, unknown = demo_run.scores("id"), demo_run.scores("photo patches")
    rng, shares, found = np.random.default_rng(2), [], 0
    for _ in range(SPLITS):
        order = rng.permutation(known)
        batch = np.r_[order[300:350], rng.choice(unknown, 50, replace=False)]
        called = benjamini_hochberg(calibration(order[:300]).p_values(batch), 0.1)
        shares.append(called[:50].sum() / max(called.sum(), 1))
        found += called[50:].sum()
    assert np.mean(shares) <= 0.1 + 4 * np.std(shares) / np.sqrt(SPLITS)  # half are known: 0.05 is expected
    assert found > 0.5 * 50 * SPLITS


def test_p_values_count_calibration_images_as_unusual():
    """P-values count the calibration images that are at least as unusual."""
    found = calibration([1, 2, 2, 3])
    assert found.p_values([0, 2, 4, np.nan])[:3].tolist() == [1.0, 0.8, 0.2]
    assert np.isnan(found.p_values([np.nan])).all()
    assert found.smallest_p == 0.2
    assert found.p_values([np.inf]).tolist() == [0.2]


def test_a_threshold_calls_what_the_p_value_calls():
    rng = np.random.default_rng(0)
    for n in (1, 7, 19, 20, 99, 480):
        known = calibration(np.round(rng.normal(size=n), 1))  # with ties
        new = np.r_[np.round(rng.normal(size=200), 1), known.scores, -np.inf, np.inf]
        for alpha in (0.001, 0.01, 0.05, 0.1, 1 / 3, 0.5, 0.99):
            np.testing.assert_array_equal(new > known.threshold(alpha), known.p_values(new) <= alpha)


def test_classes_without_enough_images_are_named():
    known = calibration(np.arange(30.0), [0] * 19 + [1] * 11)
    assert [min_calibration_size(alpha) for alpha in (0.05, 0.1, 0.01, 0.5)] == [19, 9, 99, 1]
    assert known.undersized_classes(0.05, ["a", "b", "c"]) == ["b", "c"]
    assert known.p_values_by_class([100.0], [2]).tolist() == [1.0]  # nothing to compare with: never unknown
    assert known.p_values_by_class([100.0, 5.0], [1, 0]).tolist() == [1 / 12, 15 / 20]


def test_benjamini_and_hochberg_on_a_small_example():
    p = [0.01, 0.04, 0.03, 0.5, np.nan]  # of four: 0.01 ≤ 0.0125, 0.03 > 0.025, 0.04 > 0.0375, so one
    assert benjamini_hochberg(p, 0.05).tolist() == [True, False, False, False, False]
    assert benjamini_hochberg([0.02, 0.04, 0.03, 0.05], 0.05).all()  # the last is below: so are those before it
    assert benjamini_hochberg([], 0.05).shape == (0,)
    assert not benjamini_hochberg([np.nan], 0.05).any()


@pytest.mark.parametrize("alpha", ["0.01", "0.05", "0.1", "0.15", "0.2", "0.3", "0.07"])
@pytest.mark.parametrize("total", [10, 20, 50, 100, 500, 1000])
def test_discoveries_at_ties_are_those_of_exact_arithmetic(alpha, total):
    """p = α k / N is a discovery, and one step of the grid above it is none."""
    known, tried = calibration(np.arange(total - 1.0)), 0
    for images in (3, 6, 10, 12, 20, 30, 60, 100):
        for k in range(1, images + 1):
            step = Fraction(alpha) * k / images * total
            if step.denominator == 1 and step < total:
                for more in (0, 1):
                    p = np.ones(images)
                    p[:k] = known.p_values([total - 0.5 - step - more])  # p = (step + more) / total
                    assert p[0] == (int(step) + more) / total
                    assert benjamini_hochberg(p, float(alpha)).sum() == (0 if more else k)
                tried += 1
    assert tried or total <= 50


@pytest.mark.parametrize("alpha", [0, 1, -0.1, 1.5, float("nan")])
def test_a_rate_that_is_none_is_refused(alpha):
    with pytest.raises(HeatError, match="α is"):
        calibration([1.0]).threshold(alpha)
    with pytest.raises(HeatError, match="α is"):
        benjamini_hochberg([0.1], alpha)


@pytest.mark.parametrize("scores", [[], [1.0, np.nan]])
def test_a_calibration_of_nothing_is_refused(scores):
    with pytest.raises(HeatError, match="Calibration needs"):
        calibration(scores)
