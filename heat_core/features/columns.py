"""Columns: what is kept of a batch of images. The network runs once a batch, however many columns read the result."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch

from heat_core.backbones.feature_extractor import Activations
from heat_core.backbones.registry import Backbone
from heat_core.errors import HeatError

GRAM_POWERS = tuple(range(1, 11))  # Sastry & Oore, 2020


class Batch:
    """One batch on its way through a backbone.

    Args:
        backbone: the network.
        pixels: (B, 3, H, W).
        stages: whether the volumes between the stages are kept.
        gradients: whether columns may differentiate with respect to `pixels`.
    """

    def __init__(self, backbone: Backbone, pixels: torch.Tensor, stages: bool = False, gradients: bool = False) -> None:
        self.backbone, self.pixels, self._stages, self._gradients = backbone, pixels, stages, gradients
        pixels.requires_grad_(gradients)

    @cached_property
    def _activations(self) -> Activations:
        with torch.set_grad_enabled(self._gradients):
            extractor = self.backbone.extractor
            return (extractor.forward_stages if self._stages else extractor.forward)(self.pixels)

    @property
    def volume(self) -> torch.Tensor | None:
        """What is pooled to `avg`, where that is known."""
        return self._activations.volume

    @property
    def stages(self) -> list[torch.Tensor]:
        """(B, C_l, H_l, W_l) of each stage but the last."""
        return self._activations.stages

    @property
    def avg(self) -> torch.Tensor:
        """(B, D), what the linear head reads."""
        return self._activations.avg

    @cached_property
    def layers(self) -> list[torch.Tensor]:
        """(B, C_l) means over the positions of every stage; the last is `avg`."""
        with torch.set_grad_enabled(self._gradients):
            return [*(stage.float().mean(dim=(2, 3)) for stage in self.stages), self.avg.float()]

    def perturb(self, loss: torch.Tensor, epsilon: float) -> torch.Tensor:
        """The images, each pixel moved by ε (of pixels between 0 and 1) to where `loss` falls (Liang et al., 2018)."""
        (gradient,) = torch.autograd.grad(loss, self.pixels, retain_graph=True)
        step = gradient.sign() / self.backbone.pixel_std.to(loss.device)
        return (self.pixels - epsilon * step).detach()


@dataclass(frozen=True)
class Column:
    """One column of the Features: the name of its file, and how a batch fills it (Batch → (B, width))."""

    name: str
    compute: Callable[[Batch], torch.Tensor]
    stages: bool = False
    gradients: bool = False


def _gram_sums(batch: Batch) -> torch.Tensor:
    """Row sums of the Gram matrices of order 1 to 10 of every stage (Sastry & Oore, 2020): (B, 10 ΣC_l).

    A row sum of (F^p F^pᵀ) is F^p times the sum of F^p over the channels: no C × C matrix is made. Powers are taken of
    each channel over its own maximum, and the scales are put back, so that the tenth neither overflows nor vanishes.
    """
    sums = []
    assert batch.volume is not None  # `require_maps`
    for stage in [*batch.stages, batch.backbone.as_maps(batch.volume)]:
        maps = stage.float().flatten(2)
        channel_max = maps.abs().amax(dim=2, keepdim=True).clamp_min(1e-12)
        stage_max = channel_max.amax(dim=1, keepdim=True)
        for p in GRAM_POWERS:
            power = (maps / channel_max) ** p
            channels = (power * (channel_max / stage_max) ** p).sum(dim=1, keepdim=True)
            row = (power * channels).sum(dim=2)
            sums.append(row.sign() * row.abs() ** (1 / p) * (channel_max * stage_max)[:, :, 0])
    return torch.cat(sums, dim=1)


AVG = Column("avg", lambda batch: batch.avg)
STD = Column("std", lambda batch: batch.backbone.std_pool(batch.volume))
LAYERS = Column("layers", lambda batch: torch.cat(batch.layers, dim=1), stages=True)
GRAM = Column("gram", _gram_sums, stages=True)


def pooled_columns(backbone: Backbone) -> tuple[Column, ...]:
    """What is always kept: `avg`, and `std` where the volume has positions."""
    return (AVG, STD) if backbone.has_positions else (AVG,)


def require_stages(backbone: Backbone | None, detector: str) -> Backbone:
    """The backbone; HeatError where there is none, or where it does not show the volumes between its stages."""
    if backbone is None:
        raise HeatError(f"{detector} reads the images, and this run has only their features.")
    if not backbone.extractor.has_stages:
        raise HeatError(f"{detector} reads the layers of the network, which {backbone.name} does not show.")
    return backbone


def require_maps(backbone: Backbone | None, detector: str) -> Backbone:
    """The backbone; HeatError where it has no feature maps (channels × positions), as a ViT."""
    backbone = require_stages(backbone, detector)
    if not backbone.has_maps:
        raise HeatError(f"{detector} needs the feature maps of a convolutional network; {backbone.name} has tokens.")
    return backbone
