from dataclasses import replace

import numpy as np
import pytest
import torch

from heat_core import HeatError
from heat_core.detectors.ebm import EBM
from heat_core.energies.langevin import hybrid_gradient, langevin, schedule
from heat_core.energies.priors import GaussianMixture
from heat_core.energies.residual import ResidualMLP, residual_loss
from heat_core.energies.residual_trainer import ResidualTrainer, train_residual
from heat_core.energies.settings import PRESETS, ResidualSettings, settings_for
from heat_core.energies.views import View

SMALL = ResidualSettings(
    width=64,
    learning_rate=1e-3,
    epochs=10,
    batch_size=256,
    updates=300,
    langevin_steps=30,
    step_start=0.05,
    step_end=0.02,
    noise_start=0.316,  # √(2 · step): Langevin chains at temperature one
    noise_end=0.2,
    lambda_=0.1,
    temperature=1.0,
)


def ring(n: int, seed: int) -> np.ndarray:
    """A ring: a density that one Gaussian cannot have."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, n)
    return np.c_[np.cos(angle), np.sin(angle)] * (2 + 0.15 * rng.normal(size=(n, 1)))


@pytest.mark.slow
def test_hybrid_is_closer_to_a_known_density_than_its_prior():
    """KL(p ‖ q) on a grid, both energies normalised there: the residual must take most of it away."""
    z = ring(4000, 0)
    prior = GaussianMixture().fit(z, np.zeros(len(z), int))
    trained = train_residual(prior, torch.from_numpy(z).float(), SMALL, 1.0, seed=0)
    axis = torch.linspace(-4, 4, 161)
    grid = torch.cartesian_prod(axis, axis)
    radius = grid.norm(dim=1)
    truth = torch.log_softmax(-0.5 * ((radius - 2) / 0.15) ** 2 - radius.log().clamp_min(-5), 0)
    with torch.no_grad():
        of_prior = torch.log_softmax(-prior.energy(grid), 0)
        of_hybrid = torch.log_softmax(-prior.energy(grid) - trained.residual(grid), 0)

    def kl(q):
        return (truth.exp() * (truth - q)).sum().item()

    assert trained.stopped is None
    assert kl(of_hybrid) < 0.3 * kl(of_prior)


def test_chains_lower_the_energy_and_stay_in_the_feature_space():
    rng = np.random.default_rng(0)
    z = np.abs(rng.normal(size=(500, 16)))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    prior = GaussianMixture().fit(z, np.arange(500) % 3)
    view = View("avg", True)
    settings = ResidualSettings(langevin_steps=40, step_start=1e-3, step_end=1e-4, noise_start=1e-3, noise_end=1e-4)
    starts = view.project(torch.rand(200, 16), True)
    residual = ResidualMLP(16, 32)
    ends = langevin(
        starts,
        hybrid_gradient(prior, residual, 1.0),
        settings,
        lambda p: view.project(p, True),
        torch.Generator().manual_seed(0),
    )
    assert prior.energy(ends).mean() < prior.energy(starts).mean()
    assert (ends >= 0).all()
    torch.testing.assert_close(ends.norm(dim=1), torch.ones(200))


def test_loss_is_equations_3_5_6():
    data, negatives = torch.tensor([1.0, 3.0]), torch.tensor([2.0, 5.0])
    assert residual_loss(data, negatives, 0.5).item() == pytest.approx(2 - 3.5 + 0.5 * ((1 + 9) / 2 + (4 + 25) / 2))


def test_schedules():
    assert [schedule(1.0, 0.2, t, "linear") for t in (0, 0.5, 1)] == pytest.approx([1, 0.6, 0.2])
    assert [schedule(1.0, 0.2, t, "quadratic") for t in (0, 0.5, 1)] == pytest.approx([1, 0.4, 0.2])


def test_the_papers_network_has_six_linear_layers():
    layers = [m for m in ResidualMLP(512, 1024) if isinstance(m, torch.nn.Linear)]
    assert [(m.in_features, m.out_features) for m in layers] == [(512, 1024), *[(1024, 1024)] * 4, (1024, 1)]


@pytest.mark.parametrize(("dim", "hidden_layers"), [(16, 4), (7, 0)])
def test_gradient_of_the_residual_is_that_of_autograd(dim, hidden_layers):
    """In float64 also that of differences; in float32 the same bits, so that trainings give the same residuals."""
    torch.manual_seed(0)
    residual, z = ResidualMLP(dim, 32, hidden_layers), torch.randn(50, dim)
    for dtype in (torch.float32, torch.float64):
        leaf = z.to(dtype).requires_grad_()
        (expected,) = torch.autograd.grad(residual.to(dtype)(leaf).sum(), leaf)
        assert torch.equal(residual.gradient(z.to(dtype)), expected)
    step = 1e-6 * torch.eye(dim, dtype=torch.float64)
    moved = torch.stack([residual(z + d) - residual(z - d) for d in step], dim=1) / 2e-6
    torch.testing.assert_close(residual.gradient(z.double()), moved, rtol=1e-6, atol=1e-8)
    assert residual.gradient(z.double()).requires_grad is False


def test_same_seed_same_weights():
    z = ring(300, 1)
    prior = GaussianMixture().fit(z, np.zeros(300, int))
    short = replace(SMALL, epochs=2, updates=4)
    train = [train_residual(prior, torch.from_numpy(z).float(), short, 1.0, seed=s).residual for s in (0, 0, 1)]
    weights = [torch.cat([p.flatten() for p in r.parameters()]) for r in train]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_divergence_stops_with_a_sentence_and_keeps_good_weights():
    z = ring(300, 1)
    prior = GaussianMixture().fit(z, np.zeros(300, int))
    epochs = []
    wild = replace(SMALL, learning_rate=1e30, epochs=5, updates=10)
    trained = train_residual(prior, torch.from_numpy(z).float(), wild, 1.0, on_epoch=epochs.append)
    assert "diverged" in trained.stopped
    assert "learning rate" in trained.stopped
    assert len(epochs) < 5
    assert all(torch.isfinite(p).all() for p in trained.residual.parameters())
    said = []
    EBM(wild, on_progress=lambda sentence, _: said.append(sentence)).fit(z)
    assert said[-1].startswith("Training diverged in epoch ")


def test_the_label_correlation_is_of_the_last_five_updates(monkeypatch):
    """Also where an epoch has only two."""
    learned = iter(np.arange(8) / 10)
    monkeypatch.setattr(ResidualTrainer, "update", lambda *_, **__: {"loss": 0.0, "learned": next(learned)})
    z = ring(300, 1)
    prior = GaussianMixture().fit(z, np.zeros(300, int))
    short = replace(SMALL, epochs=4, updates=8)
    trained = train_residual(prior, torch.from_numpy(z).float(), short, 1.0)
    assert trained.label_correlation == pytest.approx((0.3 + 0.4 + 0.5 + 0.6 + 0.7) / 5)


def test_every_epoch_is_reported():
    z = ring(300, 1)
    prior = GaussianMixture().fit(z, np.zeros(300, int))
    epochs = []
    train_residual(prior, torch.from_numpy(z).float(), replace(SMALL, epochs=3, updates=6), 1.0, on_epoch=epochs.append)
    assert [e["epoch"] for e in epochs] == [1, 2, 3]
    assert {"loss", "eta", "residual_data", "residual_negatives", "hybrid_starts", "hybrid_ends"} <= set(epochs[0])


@pytest.mark.parametrize(("updates", "of_epochs"), [(7, [2, 2, 3]), (2, [1, 1]), (0, [2, 2, 2])])
def test_the_updates_are_as_many_as_asked_for(monkeypatch, updates, of_epochs):
    z, made, until = ring(600, 1), [], []
    plain = ResidualTrainer.update
    monkeypatch.setattr(ResidualTrainer, "update", lambda *a, **k: made.append(1) or plain(*a, **k))
    settings = replace(SMALL, epochs=3, updates=updates, langevin_steps=1)
    prior = GaussianMixture().fit(z, np.zeros(600, int))
    train_residual(prior, torch.from_numpy(z).float(), settings, 1.0, on_epoch=lambda e: until.append(len(made)))
    assert np.diff([0, *until]).tolist() == of_epochs


def test_presets_are_the_papers_and_the_released_ones():
    paper = PRESETS["paper"]["gmm"]
    assert (paper.learning_rate, paper.epochs, paper.langevin_steps, paper.lambda_, paper.temperature) == (
        5e-6,
        20,
        20,
        10,
        1e3,
    )
    assert PRESETS["released"]["gmm-std"].langevin_steps == 1
    assert PRESETS["released"]["el"].start == "normal"


@pytest.mark.parametrize(
    "changes", [{"lamda": 1}, {"epochs": 0}, {"lambda_": "much"}, {"decay": "cubic"}, {"temperature": -1}]
)
def test_impossible_settings_give_a_sentence(changes):
    with pytest.raises(HeatError):
        settings_for("gmm", "paper", changes)
    with pytest.raises(HeatError, match="preset"):
        settings_for("gmm", "slow")


def test_automatic_temperature_follows_spread_and_sample_size():
    """The automatic temperature follows the spread and the sample size."""
    from heat_core.energies.corrected_prior import automatic_temperature

    reference = np.array([-3.0, 3.0])
    assert automatic_temperature(reference, 4000, 1000) == pytest.approx(60)
    assert automatic_temperature(reference, 1000, 1000) == pytest.approx(15)
    assert automatic_temperature(np.zeros(3), 4000, 1000) > 0


def test_training_ends_once_its_negatives_are_separated():
    """Data far from the chains are separated at once; the loss's bound is -1/(2λ)."""
    z = np.c_[np.full(512, 9.0), np.linspace(-1, 1, 512)]
    settings = replace(SMALL, start="normal", langevin_steps=1, step_start=0.0, step_end=0.0, saturation=0.7)
    prior = GaussianMixture().fit(z + 0.01 * np.random.default_rng(0).normal(size=z.shape), np.zeros(512, int))
    records: list[dict] = []
    train_residual(prior, torch.from_numpy(z).float(), settings, 1.0, on_epoch=records.append)
    assert len(records) < settings.epochs
    assert records[-1]["eta"] == 0
    whole: list[dict] = []
    train_residual(prior, torch.from_numpy(z).float(), replace(settings, saturation=0.0), 1.0, on_epoch=whole.append)
    assert len(whole) == settings.epochs
    assert -1 / (2 * settings.lambda_) <= whole[-1]["loss"] < records[-1]["loss"]


def test_training_ends_after_the_largest_spread_on_data():
    """With few samples in many dimensions E_θ becomes constant on them: its spread falls from a peak."""
    rng = np.random.default_rng(0)
    z = torch.tensor(rng.normal(size=(64, 32)) / (1 + np.arange(32))).float()
    prior = GaussianMixture().fit(z.numpy().astype(float), np.zeros(len(z), int))
    settings = replace(
        SMALL, learning_rate=3e-3, updates=200, epochs=200, averaging=0.9, stop_below=0.9, start="data", saturation=0.5
    )
    spreads, losses = [], []
    trainer = ResidualTrainer(prior, z, settings, 100.0)

    def watch(epoch: dict) -> None:
        spreads.append(trainer.averaged(z).std(correction=0).item())
        losses.append(epoch["loss"])

    trainer.train(watch)
    assert len(spreads) < settings.epochs
    mean_losses = np.convolve(losses, np.full(5, 0.2), "valid")
    ends = [
        spreads[i] < 0.9 * max(spreads[: i + 1]) and mean_losses[i - 4] <= -0.5 / (2 * settings.lambda_)
        for i in range(4, len(spreads))
    ]
    assert ends == [False] * (len(ends) - 1) + [True]


def test_averaged_weights_are_a_running_average():
    z = torch.from_numpy(ring(256, 0)).float()
    prior = GaussianMixture().fit(z.numpy().astype(float), np.zeros(len(z), int))
    last, averaged = (ResidualTrainer(prior, z, replace(SMALL, averaging=share), 1.0) for share in (0.0, 0.75))
    expected = last.residual[0].weight.detach().double()
    for rows in torch.arange(256).split(64):
        last.update(z[rows])
        averaged.update(z[rows])
        expected = 0.75 * expected + 0.25 * last.residual[0].weight.detach().double()
    assert torch.equal(last.residual[0].weight, averaged.residual[0].weight)  # the chains follow the last weights
    torch.testing.assert_close(averaged.averaged[0].weight.double(), expected, rtol=1e-5, atol=1e-7)
    assert last.averaged is last.residual


@pytest.mark.parametrize("prior", ["gmm", "gmm-std", "el"])
@pytest.mark.parametrize("preset", ["paper", "released"])
def test_the_papers_presets_have_nothing_of_ours(preset, prior):
    s = settings_for(prior, preset)
    assert (s.rescale, s.averaging, s.stop_below, s.saturation) == (False, 0.0, 0.0, 0.0)
    assert s.temperature == (1.0 if prior == "el" else 1e3)  # App. B


def test_chains_may_start_at_data_moved_by_noise():
    """A curve in the plane: the noise is that of each dimension, so the starts fill the box that the curve lies in."""
    z = ring(2000, 0)
    prior = GaussianMixture().fit(z, np.zeros(len(z), int))
    settings = replace(
        SMALL, start="data", langevin_steps=1, step_start=0.0, step_end=0.0, noise_start=0.0, noise_end=0.0
    )
    seen: list[torch.Tensor] = []

    def watched(points: torch.Tensor) -> torch.Tensor:
        seen.append(points.clone())
        return points

    train_residual(prior, torch.from_numpy(z).float(), replace(settings, updates=1, epochs=1), 1.0, watched)
    moved = seen[0].numpy()
    np.testing.assert_allclose(moved.std(axis=0), np.sqrt(2) * z.std(axis=0), rtol=0.15)
    assert np.abs(np.linalg.norm(moved, axis=1) - 2).mean() > 0.5  # off the ring
