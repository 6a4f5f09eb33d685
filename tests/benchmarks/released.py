"""The training step as HEAT's authors released it, written down plainly: what it does, not how it is called there.

One distribution a component, whose triangular solves autograd goes through; draws of every component, of which one is
kept; step sizes and noise as diagonal matrices; a hidden layer repeated; the prior on three batches for the log.
"""

import torch
from torch import nn
from torch.distributions import MultivariateNormal

from heat_core.energies.langevin import schedule
from heat_core.energies.settings import ResidualSettings


class Mixture:
    """A Gaussian for each class, one covariance."""

    def __init__(self, means: torch.Tensor, covariance: torch.Tensor) -> None:
        self.parts = [MultivariateNormal(mean, covariance_matrix=covariance) for mean in means]

    def energy(self, z: torch.Tensor) -> torch.Tensor:
        return -torch.logsumexp(torch.stack([part.log_prob(z) for part in self.parts], dim=1), dim=1)

    def sample(self, n: int) -> torch.Tensor:
        drawn = torch.stack([part.sample((n,)) for part in self.parts], dim=1)
        return drawn[torch.arange(n), torch.randint(len(self.parts), (n,))]


class Logits:
    """The energy of the logits; chains start at a standard normal."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        self.weight, self.bias = weight, bias

    def energy(self, z: torch.Tensor) -> torch.Tensor:
        return -torch.logsumexp(z @ self.weight.T + self.bias, dim=1)

    def sample(self, n: int) -> torch.Tensor:
        return torch.randn(n, self.weight.shape[1])


def network(dim: int, width: int) -> nn.Module:
    hidden = nn.Linear(width, width)
    layers = [layer for _ in range(4) for layer in (nn.LeakyReLU(0.2), hidden)]
    return nn.Sequential(nn.Linear(dim, width), *layers, nn.LeakyReLU(0.2), nn.Linear(width, 1))


def step(
    prior: Mixture | Logits,
    residual: nn.Module,
    optimiser: torch.optim.Optimizer,
    data: torch.Tensor,
    s: ResidualSettings,
    normalised: bool,
) -> float:
    """One update; `s` gives the released schedule, λ and T."""
    n = len(data)

    def project(z: torch.Tensor) -> torch.Tensor:
        z = z.clamp_min(0)
        return z / z.norm(dim=1, keepdim=True).clamp_min(1e-12) if normalised else z

    starts = z = project(prior.sample(n))
    for i in range(s.langevin_steps):
        t = i / max(s.langevin_steps - 1, 1)
        z = z.detach().requires_grad_()
        energy = prior.energy(z) / s.temperature + residual(z).squeeze(1)
        (gradient,) = torch.autograd.grad(energy.sum(), z)
        size = torch.diag(torch.full((n,), schedule(s.step_start, s.step_end, t, s.decay)))
        noise = torch.diag(torch.full((n,), schedule(s.noise_start, s.noise_end, t, s.decay)))
        z = project(z.detach() - size @ gradient + noise @ torch.randn_like(z))
    negatives = torch.cat([z, starts]) if s.starts_are_negatives else z
    on_data = residual(data + s.input_noise * torch.randn_like(data)).squeeze(1)
    on_negatives = residual(negatives + s.input_noise * torch.randn_like(negatives)).squeeze(1)
    loss = on_data.mean() - on_negatives.mean() + s.lambda_ * ((on_data**2).mean() + (on_negatives**2).mean())
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    with torch.no_grad():
        for batch in (data, starts, z):
            prior.energy(batch).mean().item()
    return loss.item()
