"""A percentile that is read block by block is NumPy's."""

import numpy as np
import pytest

from heat_core.features.quantile import percentile

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("q", [0, 0.1, 37.3, 50, 90, 100])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1, 1), (7, 3), (6000, 11)])
def test_it_is_numpys(shape, dtype, q):
    z = np.maximum(RNG.normal(size=shape), 0).astype(dtype)
    assert percentile(z, q, sample_values=500) == pytest.approx(
        np.percentile(z.astype(np.float64), q), rel=1e-12, abs=1e-300
    )


def test_it_is_numpys_where_the_sample_is_not_typical():
    z = RNG.normal(size=(5000, 2))
    z[::100] += 1000  # every row that is looked at first
    assert percentile(z, 50, sample_values=100) == np.percentile(z, 50)
