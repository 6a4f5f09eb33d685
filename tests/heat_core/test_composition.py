import itertools
import math
from decimal import Decimal, getcontext

import numpy as np
import pytest

from heat_core import HeatError, compose
from heat_core.composition import Scale, influence

getcontext().prec, getcontext().Emax, getcontext().Emin = 60, 10**9, -(10**9)
ENERGIES = np.random.default_rng(0).normal(size=(40, 3)) * 3


def exact(row, beta: float) -> float:
    """The formula in 60 digits."""
    b = Decimal(beta)
    total = sum((b * Decimal(float(e))).exp() for e in row) / len(row)
    return float(total.ln() / b)


@pytest.mark.parametrize("beta", [s * b for s in (1, -1) for b in (1e-12, 1e-8, 1e-3, 0.1, 1, 30, 1e3, 1e6)])
def test_matches_the_formula_in_high_precision(beta):
    expected = [exact(row, beta) for row in ENERGIES]
    np.testing.assert_allclose(compose(ENERGIES, beta), expected, rtol=1e-11, atol=1e-11)


def test_limits():
    np.testing.assert_array_equal(compose(ENERGIES, math.inf), ENERGIES.max(1))
    np.testing.assert_array_equal(compose(ENERGIES, -math.inf), ENERGIES.min(1))
    np.testing.assert_allclose(compose(ENERGIES, 0.0), ENERGIES.mean(1), rtol=1e-14)
    np.testing.assert_allclose(compose(ENERGIES, 1e-300), ENERGIES.mean(1), rtol=1e-14)
    np.testing.assert_allclose(compose(ENERGIES, 1e300), ENERGIES.max(1), rtol=1e-14)


@pytest.mark.parametrize("beta", [-math.inf, -1e6, -1, -1e-8, 0, 1e-8, 1, 1e6, math.inf])
def test_invariances(beta):
    composed = compose(ENERGIES, beta)
    np.testing.assert_allclose(compose(ENERGIES[:, ::-1], beta), composed, rtol=1e-12)  # order of priors
    np.testing.assert_allclose(compose(ENERGIES + 7, beta), composed + 7, rtol=1e-10)  # shift
    np.testing.assert_allclose(compose(np.repeat(ENERGIES, 2, axis=1), beta), composed, rtol=1e-10)  # duplication
    np.testing.assert_allclose(compose(ENERGIES[:, :1], beta), ENERGIES[:, 0], rtol=1e-12)  # one prior
    assert (composed >= ENERGIES.min(1) - 1e-12).all()
    assert (composed <= ENERGIES.max(1) + 1e-12).all()


def test_grows_with_beta():
    composed = [compose(ENERGIES, b) for b in (-1e6, -10, -1, -1e-3, 0, 1e-3, 1, 10, 1e6)]
    assert all((b >= a - 1e-12).all() for a, b in itertools.pairwise(composed))


@pytest.mark.parametrize("bad", [np.zeros(3), np.zeros((2, 0)), np.array([[np.nan, 1]]), np.array([[np.inf, 1]])])
def test_refuses_what_cannot_be_composed(bad):
    with pytest.raises(HeatError):
        compose(bad, 1.0)
    with pytest.raises(HeatError, match="NaN"):
        compose(ENERGIES, math.nan)


def test_standardise_takes_a_constant_energy():
    scale = Scale(("a", "b"), np.array([1.0, 3.0]), np.array([0.0, 2.0]))
    np.testing.assert_array_equal(scale.standardise(np.array([[1.0, 5.0]])), [[0, 1]])


@pytest.mark.parametrize("beta", [-math.inf, -30, -1, 0, 1e-7, 0.5, 30, math.inf])
def test_weights(beta):
    np.testing.assert_allclose(compose(ENERGIES, beta, [2, 2, 2]), compose(ENERGIES, beta), rtol=1e-12)
    np.testing.assert_allclose(compose(ENERGIES, beta, [0, 1, 1]), compose(ENERGIES[:, 1:], beta), rtol=1e-12)
    twice = compose(ENERGIES[:, [0, 0, 1]], beta)  # a weight of 2 is the same prior twice
    np.testing.assert_allclose(compose(ENERGIES[:, :2], beta, [2, 1]), twice, rtol=1e-11)
    with pytest.raises(HeatError, match="not all 0"):
        compose(ENERGIES, beta, [0, 0, 0])
    with pytest.raises(HeatError, match="3 numbers"):
        compose(ENERGIES, beta, [1, -1, 1])


@pytest.mark.parametrize("beta", [-3, 0, 2])
def test_influence_is_the_gradient(beta):
    weights, step = [1, 2, 0.5], 1e-6
    for k in range(3):
        moved = ENERGIES.copy()
        moved[:, k] += step
        slope = (compose(moved, beta, weights) - compose(ENERGIES, beta, weights)) / step
        np.testing.assert_allclose(influence(ENERGIES, beta, weights)[:, k], slope, atol=1e-4)
    assert (influence(ENERGIES, math.inf).max(axis=1) == 1).all()
