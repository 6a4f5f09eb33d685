"""The spread of a residual in training, in two dimensions, where the densities of data and negatives are known."""

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import spearmanr

from heat_core.energies.priors import GaussianMixture
from heat_core.energies.residual import residual_loss
from heat_core.energies.residual_trainer import ResidualTrainer
from heat_core.energies.settings import ResidualSettings
from heat_core.metrics import auroc

LAMBDA, NOISE, CLASSES = 0.1, 0.12, 3
SETTINGS = ResidualSettings(
    lambda_=LAMBDA, width=64, hidden_layers=2, learning_rate=3e-3, langevin_steps=0, starts_are_negatives=True
)


def optimum(log_ratio: np.ndarray) -> np.ndarray:
    """Compute -tanh(½ log(p/r)) / (2λ), of densities p of data and r of negatives."""
    return -np.tanh(log_ratio / 2) / (2 * LAMBDA)


def test_the_optimum_of_the_loss_is_known():
    """At four places that n data and m negatives share, the loss has its minimum at that of p/r = n/m."""
    data, negatives = np.array([1, 5, 20, 400]), np.array([300, 100, 20, 6])
    energies = torch.tensor(optimum(np.log(data / negatives)), requires_grad=True)
    on_data, on_negatives = (energies[torch.tensor(np.repeat(np.arange(4), of))] for of in (data, negatives))
    (slope,) = torch.autograd.grad(residual_loss(on_data, on_negatives, LAMBDA), energies)
    torch.testing.assert_close(slope, torch.zeros(4, dtype=torch.float64), atol=1e-12, rtol=0)


class Arms:
    """Three spiral arms, the classes of notebook 03: places with Gaussian noise around them."""

    def __init__(self) -> None:
        along = np.linspace(0, 1, 80)
        angle = np.concatenate([2 * np.pi * k / CLASSES + 2.4 * along for k in range(CLASSES)])
        radius = np.tile(0.9 + 1.3 * along, CLASSES)
        self.places = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])

    def log_density(self, z: np.ndarray) -> np.ndarray:
        squared = ((z[:, None] - self.places) ** 2).sum(axis=2) / (2 * NOISE**2)
        return logsumexp(-squared, axis=1) - np.log(len(self.places) * 2 * np.pi * NOISE**2)

    def draw(self, n: int, seed: int, noise: float = NOISE) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        place = rng.integers(len(self.places), size=n)
        return self.places[place] + noise * rng.standard_normal((n, 2)), place * CLASSES // len(self.places)


def test_the_spread_falls_with_far_negatives_not_the_gradient():
    arms = Arms()
    train, labels = arms.draw(20_000, seed=0)
    known, near = arms.draw(2000, seed=1)[0], arms.draw(2000, seed=5, noise=2.5 * NOISE)[0]
    prior = GaussianMixture().fit(8 * train, labels)  # eight times as wide as the data, so that negatives are far
    root = np.sqrt(np.linalg.det(prior.precision_))
    log_r = -prior.energy(known) + np.log(root / (2 * np.pi * CLASSES))
    log_ratio = arms.log_density(known) - log_r
    assert np.median(log_ratio) > 5  # data are 150 times as dense as negatives

    trainer = ResidualTrainer(prior, torch.tensor(train, dtype=torch.float32), SETTINGS, temperature=1.0)
    spreads, orders, slopes, areas = [], [], [], []
    rows = torch.randint(len(train), (900, 256), generator=torch.Generator().manual_seed(0))
    for step, batch in enumerate(rows, start=1):
        trainer.update(trainer.z[batch])
        if step % 60:
            continue
        on_known, on_near = (trainer.residual.energies(z.astype(np.float32)) for z in (known, near))
        spreads.append(on_known.std())
        orders.append(spearmanr(on_known, -log_ratio).statistic)
        slopes.append(trainer.residual.gradient(torch.tensor(known, dtype=torch.float32)).norm(dim=1).mean().item())
        areas.append(auroc(on_known, on_near))
    peak = int(np.argmax(spreads))
    assert 1 < peak < len(spreads) - 4
    assert spreads[peak] > 1.5 * spreads[-1]
    assert spreads[-1] == pytest.approx(optimum(log_ratio).std(), rel=0.3)
    assert orders[-1] < orders[peak] - 0.05
    assert slopes[-1] > 0.6 * slopes[peak]
    assert areas[-1] > areas[peak] + 0.02
