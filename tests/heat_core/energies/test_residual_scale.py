"""How much say a residual has: from ID features alone."""

import numpy as np
import pytest
import torch

from heat_core.energies.heat import fit_prior
from heat_core.energies.names import ALL_PRIORS
from heat_core.energies.residual import correlation
from heat_core.energies.residual_scale import ENOUGH, SAY, factor, loudness, unread_share
from tests.heat_core.energies.test_heat import CPU, FEW, HEAD, MANY, SETTINGS


@pytest.mark.parametrize(
    ("n", "unread", "learned", "expected"),
    [
        (ENOUGH * 100, None, 1.0, SAY),  # reads everything, many samples
        (10_000 * 100, None, 1.0, SAY),  # more change nothing
        (100, None, 1.0, SAY / 2),  # a quarter of enough: √ of it
        (ENOUGH * 100, 1.0, 1.0, 1.0),  # reads nothing of what varies
        (ENOUGH * 100, 0.5, 1.0, 0.25),
        (ENOUGH * 100, 0.0, 1.0, 0.0),  # reads everything that varies
        (ENOUGH * 100, None, 0.0, 0.0),  # learned nothing
    ],
)
def test_what_it_follows_from(n, unread, learned, expected):
    assert loudness(n, 100, unread, learned) == pytest.approx(expected)


def test_what_a_head_does_not_read_is_the_variance_across_it():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4000, 5)) * [3.0, 2.0, 1.0, 1.0, 1.0] + 7
    weight = np.array([[1.0, 0, 0, 0, 2], [-1.0, 0, 0, 0, 2], [0, 1, 0, 0, 2]])  # differences span the first two
    assert unread_share(weight, z) == pytest.approx(3 / 16, abs=0.02)
    assert unread_share(np.ones((3, 5)), z) == pytest.approx(1.0)  # tells nothing apart
    assert unread_share(np.eye(6, 5), z) == pytest.approx(0.0, abs=1e-9)
    assert unread_share(weight, np.ones((4, 5))) == 1.0  # nothing varies


def test_what_was_learned_is_the_correlation_with_being_a_negative():
    rng = np.random.default_rng(0)
    data, negatives = torch.tensor(rng.normal(0, 1, 500)), torch.tensor(rng.normal(1.5, 2, 500))
    plain = np.corrcoef(np.r_[data, negatives], np.repeat([0, 1], 500))[0, 1]
    assert correlation(data, negatives).item() == pytest.approx(plain, abs=1e-12)
    assert correlation(negatives, data).item() == 0.0
    assert correlation(torch.ones(4), torch.ones(4)).item() == 0.0


@pytest.mark.parametrize("name", ALL_PRIORS)
@pytest.mark.parametrize("train", [MANY, FEW], ids=["many", "few"])
def test_a_trained_residual_has_it(name, train):
    part = fit_prior(name, train, HEAD)
    records = []
    part.train(train, SETTINGS, CPU, 0, records.append)
    prior, residual = part.reference / part.temperature, part.residual_energy(train)[part.reference_rows]
    assert residual.std() / prior.std() == pytest.approx(part.rho, rel=1e-4, abs=1e-9)
    assert 0 <= part.rho <= 1
    assert all(0 <= r["learned"] <= 1 for r in records)


def test_without_it_the_residual_stays_as_trained():
    balanced, plain = (fit_prior("gmm", MANY, HEAD) for _ in range(2))
    balanced.train(MANY, SETTINGS, CPU, 0, lambda _: None)
    plain.train(MANY, SETTINGS.changed({"balanced": False}), CPU, 0, lambda _: None)
    assert plain.rho is None
    ours, theirs = balanced.residual_energy(MANY), plain.residual_energy(MANY)
    np.testing.assert_allclose(ours / ours.std(), theirs / theirs.std(), rtol=1e-3, atol=1e-4)


def test_a_constant_residual_stays_one():
    assert factor(0.2, 1.0, 0.0) == 1.0
