"""The scale of a residual, from ID features alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from heat_core.energies.corrected_prior import fit_prior
from heat_core.energies.names import BUILT_IN
from heat_core.energies.residual import label_correlation
from heat_core.energies.residual_scale import (
    DEFAULT_WEIGHT,
    rescale_factor,
    target_scale,
    variance_outside_head,
)
from tests.heat_core.energies.test_corrected_prior import CPU, FEW, HEAD, MANY, SETTINGS

RESCALED = SETTINGS.changed({"balanced": True})


@pytest.mark.parametrize(
    ("outside_head", "label_correlation", "expected"),
    [
        (None, 1.0, DEFAULT_WEIGHT),  # reads everything
        (None, 0.5, DEFAULT_WEIGHT / 2),
        (1.0, 1.0, 1.0),  # reads nothing of what varies
        (0.5, 1.0, 0.25),
        (0.0, 1.0, 0.0),  # reads everything that varies
        (None, 0.0, 0.0),  # learned nothing
    ],
)
def test_target_scale_follows_its_formula(outside_head, label_correlation, expected):
    assert target_scale(outside_head, label_correlation) == pytest.approx(expected)


def test_what_a_head_does_not_read_is_the_variance_across_it():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(4000, 5)) * [3.0, 2.0, 1.0, 1.0, 1.0] + 7
    weight = np.array([[1.0, 0, 0, 0, 2], [-1.0, 0, 0, 0, 2], [0, 1, 0, 0, 2]])  # differences span the first two
    assert variance_outside_head(weight, z) == pytest.approx(3 / 16, abs=0.02)
    assert variance_outside_head(np.ones((3, 5)), z) == pytest.approx(1.0)  # tells nothing apart
    assert variance_outside_head(np.eye(6, 5), z) == pytest.approx(0.0, abs=1e-9)
    assert variance_outside_head(weight, np.ones((4, 5))) == 1.0  # nothing varies


def test_label_correlation_is_that_with_being_a_negative():
    """What was learned is measured by the correlation with being a negative."""
    rng = np.random.default_rng(0)
    data, negatives = torch.tensor(rng.normal(0, 1, 500)), torch.tensor(rng.normal(1.5, 2, 500))
    plain = np.corrcoef(np.r_[data, negatives], np.repeat([0, 1], 500))[0, 1]
    assert label_correlation(data, negatives).item() == pytest.approx(plain, abs=1e-12)
    assert label_correlation(negatives, data).item() == 0.0
    assert label_correlation(torch.ones(4), torch.ones(4)).item() == 0.0


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("train", [MANY, FEW], ids=["many", "few"])
def test_a_trained_residual_has_it(name, train):
    part = fit_prior(name, train, HEAD)
    records = []
    part.train(train, RESCALED, CPU, 0, records.append)
    prior, residual = part.reference / part.temperature, part.residual_energy(train)[part.reference_rows]
    assert residual.std() / prior.std() == pytest.approx(part.rho, rel=1e-4, abs=1e-9)
    assert 0 <= part.rho <= 1
    assert all(0 <= r["learned"] <= 1 for r in records)


def test_without_it_the_residual_stays_as_trained():
    rescaled, plain = (fit_prior("gmm", MANY, HEAD) for _ in range(2))
    rescaled.train(MANY, RESCALED, CPU, 0, lambda _: None)
    plain.train(MANY, SETTINGS, CPU, 0, lambda _: None)
    assert plain.rho is None
    ours, theirs = rescaled.residual_energy(MANY), plain.residual_energy(MANY)
    np.testing.assert_allclose(ours / ours.std(), theirs / theirs.std(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("rescale", [True, False])
def test_a_rescaled_residual_never_sees_its_reference(rescale):
    """Other features in the place of the reference samples change the residual where it is trained on them alone."""
    part = fit_prior("gmm", FEW, HEAD)
    assert part.held_out
    moved = replace(FEW, avg=FEW.avg.copy())
    moved.avg[part.reference_rows] += 1
    settings, networks = SETTINGS.changed({"balanced": rescale, "temperature": 1.0}), []
    for train in (FEW, moved):
        part.train(train, settings, CPU, 0, lambda _: None)
        networks.append([layer.detach().clone() for layer in part.residual.parameters()][:-2])  # without the last layer
    assert all(torch.equal(a, b) for a, b in zip(*networks, strict=True)) == rescale


def test_a_constant_residual_stays_one():
    assert rescale_factor(0.2, 1.0, 0.0) == 1.0
