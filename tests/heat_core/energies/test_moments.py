"""Counts, means and scatter: of all rows at once, in parts, and in float32."""

import numpy as np
import pytest
from sklearn import covariance

from heat_core import HeatError
from heat_core.energies.moments import Moments, class_means, ledoit_wolf, sum_of_fourth_powers
from heat_core.energies.priors import GaussianMixture
from heat_core.features.chunks import BLOCK

RNG = np.random.default_rng(0)
CLASSES, DIM, N = 5, 12, BLOCK + 700
Y = RNG.integers(0, CLASSES, N)
Z = 50 + 10 * RNG.normal(size=(CLASSES, DIM))[Y] + RNG.normal(size=(N, DIM)) @ np.diag(np.geomspace(1, 0.01, DIM))


def plain(z: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    means = np.stack([z[y == c].mean(axis=0) for c in range(CLASSES)])
    return means, sum(np.outer(row, row) for row in z - means[y])


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-5)])
def test_moments_are_the_plain_sums(dtype, tolerance):
    z = Z.astype(dtype)
    moments, (means, scatter) = Moments.from_rows(z, Y, CLASSES), plain(z.astype(np.float64), Y)
    np.testing.assert_array_equal(moments.counts, np.bincount(Y))
    np.testing.assert_allclose(moments.means, means, rtol=1e-8)
    scale = np.sqrt(np.outer(scatter.diagonal(), scatter.diagonal()))
    assert np.abs((moments.scatter - scatter) / scale).max() < tolerance
    np.testing.assert_allclose(moments.centre, z.mean(axis=0, dtype=np.float64), rtol=1e-8)
    assert moments.squared_norm == pytest.approx((z.astype(np.float64) ** 2).sum(axis=1).mean(), rel=1e-6)


@pytest.mark.parametrize("rows", [Y < 3, np.arange(N) < 10, np.zeros(N, bool)])
def test_parts_add_up_where_one_has_no_row_of_a_class(rows):
    """Parts add up to the whole also where one of them has no row of a class."""
    parts = [Moments.from_rows(Z[part], Y[part], CLASSES) for part in (rows, ~rows)]
    added, whole = parts[0] + parts[1], Moments.from_rows(Z, Y, CLASSES)
    np.testing.assert_array_equal(added.counts, whole.counts)
    np.testing.assert_allclose(added.means, whole.means, rtol=1e-12)
    np.testing.assert_allclose(added.scatter, whole.scatter, rtol=1e-9, atol=1e-7)


@pytest.mark.parametrize(("rows", "dim"), [(N, DIM), (20, DIM), (60, 1)])
def test_shrinkage_from_the_moments_is_scikit_learns(rows, dim):
    z, y = Z[:rows, :dim].astype(np.float32), Y[:rows]
    moments = Moments.from_rows(z, y, CLASSES, exact=True)
    shrunk = ledoit_wolf(moments, sum_of_fourth_powers(z, y, moments.means))
    expected = covariance.ledoit_wolf(z - plain(z.astype(np.float64), y)[0][y], assume_centered=True)[0]
    np.testing.assert_allclose(shrunk, expected, rtol=1e-9, atol=1e-11 * expected.max())


def test_moments_of_other_shapes_are_refused():
    with pytest.raises(HeatError, match="5 classes × 12 features and of 6 × 12"):
        Moments.from_rows(Z, Y, CLASSES) + Moments.from_rows(Z, Y, CLASSES + 1)


def test_a_mixture_of_added_moments_is_that_of_all_rows():
    half = np.arange(N) % 2 == 0
    parts = [Moments.from_rows(Z[rows], Y[rows], 6) for rows in (half, ~half)]
    added = GaussianMixture().fit_moments(parts[0] + parts[1])
    whole = GaussianMixture().fit(Z, Y)
    assert added.means_.shape == (CLASSES, DIM)
    np.testing.assert_allclose(added.energy(Z[:50]), whole.energy(Z[:50]), rtol=1e-8)


def test_a_mixture_in_float32_is_that_of_float64():
    z = Z.astype(np.float32)
    fast, exact = (GaussianMixture().fit(given, Y) for given in (z, z.astype(np.float64)))
    np.testing.assert_allclose(fast.energy(z), exact.energy(z.astype(np.float64)), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(fast.squared_distances(z), exact.squared_distances(z.astype(np.float64)), rtol=1e-3)


def test_small_variance_is_summed_in_float64():
    """Variance that float32 products would round away is summed in float64."""
    z = Z.astype(np.float32)
    z[:, 0] *= 1000
    z[:, -1] = z[:, -2] + 1e-3 * RNG.normal(size=N).astype(np.float32)
    fast, exact = (GaussianMixture().fit(given, Y) for given in (z, z.astype(np.float64)))
    np.testing.assert_allclose(fast.precision_, exact.precision_, rtol=1e-6, atol=1e-9 * np.abs(exact.precision_).max())


def test_means_alone_are_those_of_the_moments():
    y = np.where(Y == 2, 0, Y)  # nobody of class 2
    means = class_means(Z, y, CLASSES)
    np.testing.assert_allclose(means, Moments.from_rows(Z, y, CLASSES).means, rtol=1e-10)
    assert not means[2].any()
    np.testing.assert_allclose(class_means(Z, y, CLASSES, lambda block: 2 * block), 2 * means, rtol=1e-12)
