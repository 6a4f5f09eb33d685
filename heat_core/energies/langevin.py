"""Stochastic gradient Langevin dynamics (SGLD), which samples the hybrid energy (Sec. 3.1, Eq. 4)."""

from collections.abc import Callable

import torch

from heat_core.energies.priors.base import Prior
from heat_core.energies.residual import ResidualMLP
from heat_core.energies.settings import ResidualSettings

PointMap = Callable[[torch.Tensor], torch.Tensor]  # (n, D) → (n, D)


def schedule(start: float, end: float, t: float, kind: str) -> float:
    """Compute a step size or noise scale at t ∈ [0, 1]: linear, or quadratic, (start - end)(1 - t)² + end."""
    return (start - end) * (1 - t) ** (2 if kind == "quadratic" else 1) + end


def langevin(
    z: torch.Tensor,
    gradient: PointMap,
    settings: ResidualSettings,
    project: PointMap = lambda z: z,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Run Langevin chains: z ← project(z - step·∇E + noise·w), w ~ N(0, I).

    Eq. 4 ties both factors to η (η/2 and √η); here step and noise have separate schedules, as in App. B.

    Args:
        z: (n, D) starting points.
        gradient: gradient ∇E of the hybrid energy, (n, D) → (n, D).
        settings: number of steps, and start, end and decay of both schedules.
        project: projection onto the feature space after each step, (n, D) → (n, D).
        generator: generator of the noise.

    Returns:
        (n, D) end points of the chains, detached from the graph.
    """
    steps, s = settings.langevin_steps, settings
    for i in range(steps):
        t = i / max(steps - 1, 1)
        noise = torch.randn(z.shape, generator=generator, device=z.device, dtype=z.dtype)
        z = z - schedule(s.step_start, s.step_end, t, s.decay) * gradient(z)
        z = project(z + schedule(s.noise_start, s.noise_end, t, s.decay) * noise).detach()
    return z


def hybrid_gradient(prior: Prior, residual: ResidualMLP, temperature: float) -> PointMap:
    """Make the function ∇(E_q / T + E_θ), (n, D) → (n, D), of two gradients in closed form."""
    return lambda z: prior.gradient(z) / temperature + residual.gradient(z)
