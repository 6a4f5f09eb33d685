"""A guard as one network from pixels to logits, score and energies, for `torch.export` or use in torch."""

import copy
import math

import numpy as np
import torch
from torch import nn

from heat_core.backbones.backbone import Backbone
from heat_core.backbones.frozen import FrozenModule
from heat_core.energies.corrected_prior import CorrectedPrior
from heat_core.energies.priors import prior_class
from heat_core.errors import HeatError
from heat_core.features.features import SECOND_ENCODER
from heat_core.guard.state import GuardState

_ZERO_BETA = 1e-8  # |β| below which the composition equals the mean in float32


class GuardModule(FrozenModule):
    """Network from pixels (B, 3, H, W) to logits (B, C), HEAT's score (B,) and hybrid energies (B, K).

    The pixels are those that the backbone's transform makes. If a composed prior reads a second encoder, the pixels
    (B, 3, H', W') that its transform makes of the same images are a second argument. The energies are those that the
    score composes. Everything is computed in float32, except the composition, which is in float64.

    Args:
        guard: the guard that is copied into the network; later changes to the guard have no effect on it.
    """

    mean: torch.Tensor
    spread: torch.Tensor
    shares: torch.Tensor

    def __init__(self, guard: GuardState) -> None:
        super().__init__()
        self.backbones = nn.ModuleList(map(_copy, guard.composed_backbones))
        weight, bias = (torch.as_tensor(np.asarray(part), dtype=torch.float32) for part in guard.head)
        self.head = nn.Linear(weight.shape[1], weight.shape[0])
        self.head.weight, self.head.bias = nn.Parameter(weight), nn.Parameter(bias)
        priors = guard.lens.select_priors(guard.scale.priors)
        by_name, scale = {part.name: part for part in guard.parts}, guard.scale.select(priors)
        self.parts = nn.ModuleList(_HybridEnergy(by_name[name]) for name in priors)
        self.beta = guard.lens.beta
        weights = guard.lens.weights or (1.0,) * len(priors)
        self.register_buffer("mean", torch.as_tensor(scale.mean, dtype=torch.float32))
        self.register_buffer("spread", torch.as_tensor(scale.spread, dtype=torch.float32))
        self.register_buffer("shares", torch.as_tensor(weights, dtype=torch.float64) / sum(weights))
        self.freeze()

    def forward(
        self, pixels: torch.Tensor, second_pixels: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Compute logits (B, C), score (B,) and hybrid energies (B, K) of pixels (B, 3, H, W).

        Raises:
            HeatError: where pixels of the second encoder are missing, or given without one.
        """
        self.freeze()
        given = [pixels] if second_pixels is None else [pixels, second_pixels]
        if len(given) != len(self.backbones):
            raise HeatError(f"This guard has {len(self.backbones)} encoders: give pixels of each.")
        columns: dict[str, torch.Tensor] = {}
        for backbone, ending, images in zip(self.backbones, ("", SECOND_ENCODER), given, strict=False):
            columns[f"avg{ending}"], columns[f"std{ending}"] = backbone(images)
        energies = torch.stack([part(columns) for part in self.parts], dim=1)
        score = compose((energies - self.mean) / self.spread, self.beta, self.shares)
        return self.head(columns["avg"]), score, energies


def compose(energies: torch.Tensor, beta: float, shares: torch.Tensor) -> torch.Tensor:
    """Compose standardised energies by β (Eq. 7), like `composition.compose`, but for tensors and a fixed β.

    It computes in float64, because the differences from the mean are multiplied and divided by β.

    Args:
        energies: (B, K) standardised hybrid energies.
        beta: β, which may be infinite.
        shares: (K,) float64 weights of the priors, whose sum is 1; a prior with weight 0 takes no part.

    Returns:
        (B,) float32 scores.
    """
    energies, is_included = energies.double(), shares > 0
    if math.isinf(beta):
        bound = torch.where(is_included, energies, -beta)
        return (bound.amax(dim=1) if beta > 0 else bound.amin(dim=1)).float()
    mean = (energies * shares).sum(dim=1)
    if abs(beta) < _ZERO_BETA:
        return mean.float()
    scaled = torch.where(is_included, beta * (energies - mean[:, None]), -math.inf)
    return (mean + torch.logsumexp(scaled + shares.log().clamp_min(-1e30), dim=1) / beta).float()


def _copy(backbone: Backbone) -> Backbone:
    return copy.deepcopy(backbone).cpu().to(memory_format=torch.contiguous_format)


class _HybridEnergy(nn.Module):
    """Hybrid energy E_q / T + E_θ (Eq. 2) of one corrected prior as a network: columns (B, D) by name → (B,)."""

    def __init__(self, part: CorrectedPrior) -> None:
        super().__init__()
        self.constants = _Buffers(part.prior.scoring_constants())
        self.prior = prior_class(part.name).from_constants(self.constants)
        self.residual, self.view, self.temperature = copy.deepcopy(part.residual), part.view, part.temperature

    def forward(self, columns: dict[str, torch.Tensor]) -> torch.Tensor:
        assert self.residual is not None
        z = self.view.project(columns[self.view.column].float(), non_negative=False)
        return self.prior.energy(z) / self.temperature + self.residual(z)


class _Buffers(nn.Module):
    """Constants of a prior as buffers, which are moved and saved together with the network that contains them."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        super().__init__()
        for name, values in arrays.items():
            self.register_buffer(name, torch.as_tensor(values, dtype=torch.float32))

    def like(self, z: torch.Tensor) -> dict[str, torch.Tensor]:  # noqa: ARG002 (the buffers are on the device of z)
        return dict(self.named_buffers())


def export_inputs(guard: GuardState) -> tuple[tuple[torch.Tensor, ...], tuple[dict[int, torch.export.Dim], ...]]:
    """Make the inputs for an exporter: pixels of two images for each encoder, and a dynamic batch size."""
    pixels = tuple(torch.zeros(2, *backbone.input_shape) for backbone in guard.composed_backbones)
    batch = torch.export.Dim("batch", min=1)
    return pixels, tuple({0: batch} for _ in pixels)


def export_program(guard: GuardState) -> torch.export.ExportedProgram:
    """Export the guard as a `torch.export` program for batches of any size."""
    module = GuardModule(guard)
    pixels, shapes = export_inputs(guard)
    return torch.export.export(module, pixels, dynamic_shapes=shapes)
