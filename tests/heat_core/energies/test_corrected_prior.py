"""A corrected prior: what its scale is taken from, its temperature, and that a kept one scores as it did."""

import numpy as np
import pytest
import torch

from heat_core import HeatError
from heat_core.energies.corrected_prior import CorrectedPrior, automatic_temperature, fit_prior, restore_prior
from heat_core.energies.names import BUILT_IN
from heat_core.energies.priors import make_prior
from heat_core.energies.settings import ResidualSettings
from heat_core.energies.views import VIEWS
from heat_core.features.features import Features
from heat_core.features.heads import fit_head

CLASSES, DIM = 3, 6
SETTINGS = ResidualSettings(
    width=16,
    hidden_layers=1,
    learning_rate=1e-2,
    epochs=2,
    updates=10,
    batch_size=32,
    langevin_steps=2,
    temperature=0.0,
)
CPU = torch.device("cpu")


def features(n: int, seed: int = 0, shift: float = 0.0) -> Features:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % CLASSES
    z = (2 + shift + np.eye(CLASSES, DIM)[y] + 0.3 * rng.normal(size=(n, DIM))).astype(np.float32)
    return Features(z, np.abs(z) ** 0.5, y, [str(i) for i in range(n)], [str(c) for c in range(CLASSES)])


MANY, FEW, TEST = features(120), features(45, 1), features(20, 2, shift=0.5)
HEAD = fit_head(MANY.avg.astype(np.float64), MANY.labels)


def trained(name: str, train: Features = MANY, **changes) -> CorrectedPrior:
    part = fit_prior(name, train, HEAD)
    part.train(train, SETTINGS.changed(changes), CPU, 0, lambda _: None)
    return part


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_scale_of_many_samples_is_that_of_all_energies(name):
    """Where samples are many, the scale is that of all training energies."""
    part = fit_prior(name, MANY, HEAD)
    assert not part.held_out
    np.testing.assert_array_equal(part.reference_rows, np.arange(120))
    np.testing.assert_array_equal(part.reference, part.prior_energy(MANY))
    expected = make_prior(name, HEAD, covariance="auto").fit(VIEWS[name].array(MANY), MANY.labels)
    np.testing.assert_array_equal(part.prior_energy(TEST), expected.energy(VIEWS[name].array(TEST)))


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_scale_of_few_samples_is_fitted_on_held_out_ones(name):
    """Where samples are few, every fifth of a class is held out to fit the scale.

    The prior itself is fitted on all of them.
    """
    part = fit_prior(name, FEW, HEAD, fit_head=fit_head)
    assert part.held_out
    rows = [12, 13, 14, 27, 28, 29, 42, 43, 44]  # labels go 0 1 2 0 1 2 …: the fifth, tenth and fifteenth of each
    np.testing.assert_array_equal(part.reference_rows, rows)
    z, keep = VIEWS[name].array(FEW), np.setdiff1d(np.arange(45), rows)
    whole = make_prior(name, HEAD, fit_head, "auto").fit(z, FEW.labels)
    np.testing.assert_array_equal(part.prior_energy(TEST), whole.energy(VIEWS[name].array(TEST)))
    head = fit_head(z[keep], FEW.labels[keep]) if name in ("el", "dice", "vim", "scale") else HEAD
    unseen = make_prior(name, head, covariance="auto").fit(z[keep], FEW.labels[keep])
    np.testing.assert_allclose(part.reference, unseen.energy(z[rows]), rtol=1e-9)
    assert not np.allclose(part.reference, part.prior_energy(FEW)[rows])


def test_the_models_own_head_reads_the_held_out_energies():
    """Where the head is the model's own, held-out energies are read by it."""
    part = fit_prior("el", FEW, HEAD)
    assert part.held_out
    np.testing.assert_allclose(part.reference, part.prior_energy(FEW)[part.reference_rows], rtol=1e-5)


def test_ten_samples_a_dimension_are_enough():
    assert fit_prior("gmm", features(10 * DIM - 1), HEAD).held_out
    assert not fit_prior("gmm", features(10 * DIM), HEAD).held_out
    assert not fit_prior("el", features(12), HEAD).held_out  # four of each class: no fifth one


def test_a_prior_needs_labels_and_its_column():
    with pytest.raises(HeatError, match="The prior el needs the label"):
        fit_prior("el", Features(MANY.avg, None, None, MANY.ids), HEAD)
    with pytest.raises(HeatError, match=r"no std\.npy"):
        fit_prior("gmm-std", Features(MANY.avg, None, MANY.labels, MANY.ids), HEAD)


@pytest.mark.parametrize(
    ("n", "dim", "factor"), [(4000, 1000, 20), (400, 10, 20), (1000, 1000, 5), (20, 100, 1), (0, 7, 0)]
)
def test_the_automatic_temperature_is_its_formula(n, dim, factor):
    """20 · min(1, n / 4D) spreads."""
    reference = np.random.default_rng(0).normal(5, 3, 200)
    assert automatic_temperature(reference, n, dim) == pytest.approx(max(factor * reference.std(), 1e-12))


@pytest.mark.parametrize("train", [MANY, FEW, features(12)], ids=["many", "few", "fewer than 4 a dimension"])
def test_training_takes_its_temperature_from_the_reference(train):
    part = trained("gmm", train)
    spreads = 20 * min(1, len(train) / (4 * DIM))
    assert part.temperature == pytest.approx(spreads * part.reference.std())
    assert trained("gmm", train, temperature=7.5).temperature == 7.5


@pytest.mark.parametrize("name", ["gmm", "gmm-std", "el"])
def test_the_hybrid_energy_adds_prior_over_t_and_residual(name):
    """The hybrid energy is the prior's over T plus the residual's."""
    part = trained(name)
    z = VIEWS[name].array(TEST)
    with torch.no_grad():
        residual = part.residual(torch.from_numpy(z)).double().numpy()
    assert np.ptp(residual) > 0
    np.testing.assert_allclose(part.residual_energy(TEST), residual, rtol=1e-5, atol=1e-6)
    expected = part.prior.energy(z) / part.temperature + residual
    np.testing.assert_allclose(part.hybrid_energy(TEST), expected, rtol=1e-5, atol=1e-6)


def test_before_training_there_is_no_hybrid_energy():
    """The prior alone would be taken for HEAT."""
    part = fit_prior("gmm", MANY, HEAD)
    np.testing.assert_array_equal(part.residual_energy(TEST), np.zeros(20))
    with pytest.raises(HeatError, match="residual of gmm is not trained yet"):
        part.hybrid_energy(TEST)


@pytest.mark.parametrize(("train", "held_out"), [(MANY, False), (FEW, True)], ids=["many", "few"])
def test_statistics_are_of_the_hybrid_on_reference_rows(train, held_out):
    """The statistics are those of the hybrid energy on the reference rows."""
    part = trained("gmm", train)
    assert part.held_out == held_out
    rows = part.reference_rows
    hybrid = part.reference / part.temperature + part.residual_energy(train.subset(rows))
    mean, std = part.statistics(train)
    assert mean == pytest.approx(hybrid.mean(), rel=1e-5)
    assert std == pytest.approx(hybrid.std(), rel=1e-4)
    if not held_out:
        assert mean == pytest.approx(part.hybrid_energy(train).mean())
        assert std == pytest.approx(part.hybrid_energy(train).std())


def test_training_puts_the_data_below_its_negatives():
    """Training lowers the energy of the data below that of its negatives."""
    records = []
    part = fit_prior("gmm", MANY, HEAD)
    settings = SETTINGS.changed({"updates": 60, "epochs": 6, "start": "normal"})
    assert part.train(MANY, settings, CPU, 0, records.append) is None
    assert len(records) == 6
    assert records[-1]["residual_data"] < records[-1]["residual_negatives"]
    assert records[-1]["loss"] < records[0]["loss"]


def test_nothing_is_saved_before_training(tmp_path):
    part = fit_prior("el", MANY, HEAD)
    with pytest.raises(HeatError, match="residual of el is not trained yet"):
        part.save(tmp_path / "residual-el.safetensors", SETTINGS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["gmm", "gmm-std", "el", "dice", "knn", "vim", "scale", "resflow"])
def test_a_saved_residual_gives_the_same_energies(tmp_path, name):
    part, path = trained(name), tmp_path / "residual.safetensors"
    part.save(path, SETTINGS)
    again = fit_prior(name, MANY, HEAD)
    assert again.residual is None
    again.load(path)
    assert again.temperature == part.temperature
    np.testing.assert_array_equal(again.residual_energy(TEST), part.residual_energy(TEST))
    np.testing.assert_array_equal(again.hybrid_energy(TEST), part.hybrid_energy(TEST))
    assert again.statistics(MANY) == part.statistics(MANY)


@pytest.mark.parametrize("name", ["gmm", "gmm-std", "el", "dice", "knn", "vim", "scale", "resflow"])
@pytest.mark.parametrize("train", [MANY, FEW], ids=["many", "few"])
def test_a_restored_prior_gives_the_same_energies(tmp_path, name, train):
    part, path = trained(name, train), tmp_path / "residual.safetensors"
    part.save(path, SETTINGS)
    again = restore_prior(name, train, HEAD, "auto", "uniform", "", path)
    assert again.temperature == part.temperature
    for energy in ("prior_energy", "residual_energy", "hybrid_energy"):
        np.testing.assert_array_equal(getattr(again, energy)(TEST), getattr(part, energy)(TEST))


def test_a_damaged_residual_gives_a_sentence(tmp_path):
    part, path = trained("gmm"), tmp_path / "residual.safetensors"
    part.save(path, SETTINGS)
    before, content = part.residual, path.read_bytes()
    for damaged in (b"", content[:100], content[:-10], content.replace(b'"width":"16"', b'"width":"17"')):
        path.write_bytes(damaged)
        with pytest.raises(HeatError, match=r"residual\.safetensors is cut off or damaged"):
            part.load(path)
    with pytest.raises(HeatError, match="delete it and resume the run"):
        restore_prior("gmm", MANY, HEAD, "auto", "uniform", "", tmp_path / "missing.safetensors")
    assert part.residual is before
