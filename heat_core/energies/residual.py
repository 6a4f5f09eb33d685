"""The residual energy: an MLP, the Langevin sampler and the training loop (Sec. 3.1, Algorithm 1)."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from heat_core.energies.priors.base import Prior, column_moments
from heat_core.energies.settings import ResidualSettings
from heat_core.features.chunks import in_blocks, tensor
from heat_core.types import Rows

_KEPT = 2**30  # bytes of training features that are held on the device
_RECENT = 5  # updates over which a loss is averaged before it counts as saturated


class StreamedPoints:
    """(N, D) features too many for the device: each batch is read when it is asked for."""

    def __init__(self, z: Rows, device: torch.device) -> None:
        self.rows, self.device, self.shape = z, device, z.shape

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(self.rows[index.cpu().numpy()]).to(self.device)


Points = torch.Tensor | StreamedPoints


def points_of(z: Rows, device: torch.device) -> Points:
    """Training features for `train_residual`, on the device as a whole where they are few enough."""
    if len(z) * z.shape[1] * 4 <= _KEPT:
        return torch.tensor(z[:], device=device)
    return StreamedPoints(z, device)


def _spread(z: Points) -> torch.Tensor:
    """(D,) standard deviation of each dimension."""
    if isinstance(z, torch.Tensor):
        return z.std(dim=0, correction=0)
    return torch.from_numpy(column_moments(z.rows)[1]).float().to(z.device)


Project = Callable[[torch.Tensor], torch.Tensor]
EpochRecord = dict[str, Any]  # what `train_residual` tells after each epoch


class ResidualMLP(nn.Sequential):
    """E_θ: R^D → R, `hidden_layers + 2` linear layers with LeakyReLU(0.2) between them (App. B)."""

    def __init__(self, dim: int, width: int = 1024, hidden_layers: int = 4) -> None:
        layers: list[nn.Module] = [nn.Linear(dim, width)]
        for _ in range(hidden_layers):
            layers += [nn.LeakyReLU(0.2), nn.Linear(width, width)]
        super().__init__(*layers, nn.LeakyReLU(0.2), nn.Linear(width, 1))
        # PyTorch's default start halves the signal in every layer: of an L2-normalised input nothing is left after
        # six, and the first epochs teach nothing. He et al.'s start keeps its size.
        for layer in self:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, a=0.2)
                nn.init.zeros_(layer.bias)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """(N, D) → (N,)."""
        return super().forward(z).squeeze(1)

    @torch.no_grad()
    def scale(self, factor: float) -> None:
        """Multiply E_θ with a factor."""
        for parameter in self[-1].parameters():
            parameter.mul_(factor)

    def energies(self, z: Rows) -> np.ndarray:
        """(N, D) features → (N,) float64, block by block, without gradients."""
        device = next(self.parameters()).device
        with torch.inference_mode():
            return in_blocks(lambda block: self(tensor(block).to(device)).cpu().double().numpy(), z)


def decayed(start: float, end: float, t: float, kind: str) -> float:
    """Step size or noise scale at t ∈ [0, 1]: linear, or (a - b)(1 - t)² + b."""
    return (start - end) * (1 - t) ** (2 if kind == "quadratic" else 1) + end


def langevin(
    z: torch.Tensor,
    gradient: Project,
    settings: ResidualSettings,
    project: Project = lambda z: z,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Run the chains: z ← project(z - step·∇E + noise·w), step and noise on schedules of their own (cf. Eq. 4).

    Args:
        z: (n, D) starts.
        gradient: ∇E of the hybrid energy, (n, D) → (n, D).
        settings: number of steps, and the schedules.
        project: brings points back to the feature space after each step, (n, D) → (n, D).
        generator: of the noise.

    Returns:
        (n, D) ends of the chains, detached.
    """
    steps, s = settings.langevin_steps, settings
    for i in range(steps):
        t = i / max(steps - 1, 1)
        noise = torch.randn(z.shape, generator=generator, device=z.device, dtype=z.dtype)
        z = z - decayed(s.step_start, s.step_end, t, s.decay) * gradient(z)
        z = project(z + decayed(s.noise_start, s.noise_end, t, s.decay) * noise).detach()
    return z


def hybrid_gradient(prior: Prior, residual: nn.Module, temperature: float) -> Project:
    """∇(E_q / T + E_θ): the prior's in closed form, the residual's by autograd."""

    def gradient(z: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            leaf = z.detach().requires_grad_()
            (of_residual,) = torch.autograd.grad(residual(leaf).sum(), leaf)
        return prior.gradient(z) / temperature + of_residual

    return gradient


def correlation(data: torch.Tensor, negatives: torch.Tensor) -> torch.Tensor:
    """Of the (n,) energies with their being data (0) or a negative (1), both alike in weight; at least 0."""
    gap = (negatives.mean() - data.mean()).clamp_min(0)
    within = data.var(correction=0) + negatives.var(correction=0)
    return gap / (gap**2 + 2 * within).sqrt().clamp_min(1e-12)


def residual_loss(data: torch.Tensor, negatives: torch.Tensor, lambda_: float) -> torch.Tensor:
    """E[E_θ(z)] - E[E_θ(z')] + λ (E[E_θ(z)²] + E[E_θ(z')²]) (Eqs. 3, 5, 6), from the (n,) residual energies."""
    return data.mean() - negatives.mean() + lambda_ * ((data**2).mean() + (negatives**2).mean())


@dataclass
class Training:
    """What training left.

    Attributes:
        residual: the network.
        learned: correlation of E_θ with "data or negative" over the last updates, 0 (nothing was learned) to 1.
        stopped: why it had to stop early, if it had.
    """

    residual: ResidualMLP
    learned: float
    stopped: str | None = None


def train_residual(
    prior: Prior,
    z: Points,
    settings: ResidualSettings,
    temperature: float,
    project: Project = lambda z: z,
    seed: int = 0,
    on_epoch: Callable[[EpochRecord], None] = lambda _: None,
) -> Training:
    """Train one residual on (N, D) features of the prior's view (Algorithm 1), on the device of `z`.

    `on_epoch` receives loss, energies on data and negatives, the fall of the hybrid energy along the chains and the
    time left. Divergence (a non-finite loss) stops the training and keeps the weights of the last good epoch. With
    `settings.saturation` it ends where the loss nears its bound: data and negatives are told apart, and what is learned
    from there on is the training features by heart.
    """
    generator = torch.Generator(device=z.device).manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        residual = ResidualMLP(z.shape[1], settings.width, settings.hidden_layers)
    residual = residual.to(z.device)
    optimiser = torch.optim.Adam(residual.parameters(), lr=settings.learning_rate, betas=(settings.adam_beta1, 0.999))
    batch = min(settings.batch_size, len(z))
    epochs = settings.epochs
    per_epoch = max(settings.updates // epochs if settings.updates else len(z) // batch, 1)
    spread = _spread(z)
    good, began = _copy(residual), time.monotonic()
    recent: deque[float] = deque(maxlen=_RECENT)
    learned = 0.0
    for epoch in range(epochs):
        if settings.drop_after and epoch == settings.drop_after:
            for group in optimiser.param_groups:
                group["lr"] /= 10
        records: list[dict[str, float]] = []
        for rows in _batches(len(z), batch, per_epoch, generator, z.device):
            data, measure = z[rows], not records
            records.append(
                _update(prior, residual, optimiser, data, settings, temperature, project, generator, spread, measure)
            )
            recent.append(records[-1]["loss"])
            if saturated := _is_saturated(recent, settings):
                break
        record = {k: sum(r[k] for r in records if k in r) / sum(k in r for r in records) for k in records[0]}
        if not all(torch.isfinite(p).all() for p in residual.parameters()) or record["loss"] != record["loss"]:
            residual.load_state_dict(good)
            stopped = f"Training diverged in epoch {epoch + 1}: the weights of epoch {epoch} are kept; lower the "
            return Training(residual, learned, stopped + "learning rate or the step size.")
        good = _copy(residual)
        learned = sum(r["learned"] for r in records[-_RECENT:]) / len(records[-_RECENT:])
        left = (time.monotonic() - began) / (epoch + 1) * (epochs - epoch - 1)
        on_epoch(
            {"epoch": epoch + 1, "epochs": epochs, "eta": 0.0 if saturated else left, "saturated": saturated, **record}
        )
        if saturated:
            break
    return Training(residual, learned)


def _is_saturated(recent: deque[float], settings: ResidualSettings) -> bool:
    """Whether the last updates' mean loss has come close enough to its bound, -1/(2λ)."""
    if not settings.saturation or len(recent) < _RECENT:
        return False
    return sum(recent) / len(recent) <= -settings.saturation / (2 * settings.lambda_)


def _batches(n: int, batch: int, count: int, generator: torch.Generator, device: torch.device) -> list[torch.Tensor]:
    """`count` batches of row indices; a small set is shuffled and passed over again until there are enough."""
    passes = -(-count * batch // n)
    rows = torch.cat([torch.randperm(n, generator=generator, device=device) for _ in range(passes)])
    return list(rows[: count * batch].split(batch))


def _update(
    prior: Prior,
    residual: ResidualMLP,
    optimiser: torch.optim.Optimizer,
    data: torch.Tensor,
    settings: ResidualSettings,
    temperature: float,
    project: Project,
    generator: torch.Generator,
    spread: torch.Tensor,
    measure: bool,
) -> dict[str, float]:
    """One step of Algorithm 1. The energies along the chains are measured only when asked for."""
    starts = project(_starts(prior, data, settings, spread, generator))
    ends = langevin(starts, hybrid_gradient(prior, residual, temperature), settings, project, generator)
    negatives = torch.cat([ends, starts]) if settings.starts_are_negatives else ends

    inputs = torch.cat([data, negatives])
    inputs = inputs + settings.input_noise * torch.randn(inputs.shape, generator=generator, device=inputs.device)
    on_data, on_negatives = residual(inputs).split([len(data), len(negatives)])
    loss = residual_loss(on_data, on_negatives, settings.lambda_)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    record = {
        "loss": loss.item(),
        "residual_data": on_data.mean().item(),
        "residual_negatives": on_negatives.mean().item(),
        "residual_spread": on_data.std(correction=0).item(),
        "learned": correlation(on_data, on_negatives).item(),
    }
    if measure:
        with torch.no_grad():
            for name, points in (("hybrid_starts", starts), ("hybrid_ends", ends), ("hybrid_data", data)):
                record[name] = (prior.energy(points) / temperature + residual(points)).mean().item()
    return record


def _starts(
    prior: Prior, data: torch.Tensor, settings: ResidualSettings, spread: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """(n, D) points where chains start: draws of the prior, of a standard normal, or the data moved by noise of the
    spread of each dimension, which breaks what the dimensions have to do with one another."""
    if settings.start == "prior":
        return prior.sample(len(data), generator, like=data)
    noise = torch.randn(data.shape, generator=generator, device=data.device, dtype=data.dtype)
    return data + spread * noise if settings.start == "data" else noise


def _copy(module: nn.Module) -> dict[str, torch.Tensor]:
    return {k: v.detach().clone() for k, v in module.state_dict().items()}
