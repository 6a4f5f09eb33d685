"""Columns that are computed from a batch of images.

The network runs once per batch, whatever the number of columns that read its result.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch

from heat_core.backbones.feature_extractor import Activations
from heat_core.backbones.registry import Backbone
from heat_core.errors import HeatError
from heat_core.features.activation_inputs import activation_calls, activation_extremes

GRAM_POWERS = tuple(range(1, 11))  # Sastry & Oore, 2020


class Batch:
    """Batch of images with the network's activations, which are computed once and when they are first read.

    Args:
        backbone: the network.
        pixels: (B, 3, H, W) input.
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
        """Feature volume from which `avg` is pooled; None where it is not known."""
        return self._activations.volume

    @property
    def stages(self) -> list[torch.Tensor]:
        """(B, C_l, H_l, W_l) volumes of each stage but the last."""
        return self._activations.stages

    @property
    def avg(self) -> torch.Tensor:
        """(B, D) input of the linear head."""
        return self._activations.avg

    @cached_property
    def layers(self) -> list[torch.Tensor]:
        """(B, C_l) means over the positions of every stage; the last is `avg`."""
        with torch.set_grad_enabled(self._gradients):
            return [*(stage.float().mean(dim=(2, 3)) for stage in self.stages), self.avg.float()]

    def perturb(self, loss: torch.Tensor, epsilon: float) -> torch.Tensor:
        """Move each pixel of the images by ε against the gradient of `loss` (Liang et al., 2018).

        Args:
            loss: scalar that depends on `pixels`.
            epsilon: size of the step, for pixels in [0, 1].
        """
        (gradient,) = torch.autograd.grad(loss, self.pixels, retain_graph=True)
        step = gradient.sign() / self.backbone.pixel_std.to(loss.device)
        return (self.pixels - epsilon * step).detach()


@dataclass(frozen=True)
class Column:
    """Column of the Features.

    Attributes:
        name: name of the column and of its file.
        compute: function Batch → (B, width).
        stages: whether it reads the volumes between the stages.
        gradients: whether it differentiates with respect to the pixels.
    """

    name: str
    compute: Callable[[Batch], torch.Tensor]
    stages: bool = False
    gradients: bool = False


def _gram_sums(batch: Batch) -> torch.Tensor:
    """Compute row sums of the Gram matrices of order 1 to 10 of every stage (Sastry & Oore, 2020): (B, 10 ΣC_l).

    A row sum of (F^p F^pᵀ) is F^p times the sum of F^p over the channels, so that no C × C matrix is computed. Each
    channel is divided by its maximum before powers are taken, and the scales are restored afterwards, so that the tenth
    power neither overflows nor vanishes.
    """
    sums = []
    assert batch.volume is not None  # `require_maps` was called before
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


def _extremes(batch: Batch) -> torch.Tensor:
    """Compute the smallest and the largest input of every activation module, in the order of the calls: (B, 2L).

    The calls are those of `activation_calls`. The network runs for this column alone.
    """
    return torch.stack(activation_extremes(batch.backbone, batch.pixels), dim=1)


AVG = Column("avg", lambda batch: batch.avg)
STD = Column("std", lambda batch: batch.backbone.std_pool(batch.volume))
LAYERS = Column("layers", lambda batch: torch.cat(batch.layers, dim=1), stages=True)
GRAM = Column("gram", _gram_sums, stages=True)
EXTREMES = Column("activation-extremes", _extremes)  # "extremes" was of fewer activations


def pooled_columns(backbone: Backbone) -> tuple[Column, ...]:
    """Return the columns that are always kept: `avg`, and `std` where the volume has positions."""
    return (AVG, STD) if backbone.has_positions else (AVG,)


def require_stages(backbone: Backbone | None, detector: str) -> Backbone:
    """Return the backbone of a detector that reads the volumes between its stages.

    Raises:
        HeatError: where there is no backbone, or it does not give these volumes.
    """
    if backbone is None:
        raise HeatError(f"{detector} reads the images, and this run has only their features.")
    if not backbone.extractor.has_stages:
        raise HeatError(f"{detector} reads the layers of the network, which {backbone.name} does not provide.")
    return backbone


def require_maps(backbone: Backbone | None, detector: str) -> Backbone:
    """Return the backbone of a detector that reads feature maps (channels × positions).

    Raises:
        HeatError: where there is no backbone, or it has no feature maps, such as a ViT.
    """
    backbone = require_stages(backbone, detector)
    if not backbone.has_maps:
        raise HeatError(f"{detector} needs the feature maps of a convolutional network; {backbone.name} has tokens.")
    return backbone


def require_activations(backbone: Backbone | None, detector: str) -> Backbone:
    """Return the backbone of a detector that reads the inputs of activation modules.

    Raises:
        HeatError: where there is no backbone, or none of its `activation_calls` has a row for each image, as in an
            exported program, which has no modules.
    """
    if backbone is None:
        raise HeatError(f"{detector} reads the images, and this run has only their features.")
    if not activation_calls(backbone):
        raise HeatError(
            f"{detector} reads the inputs of activation modules of torch, timm or transformers (ReLU, GELU …); "
            f"{backbone.name} calls none with a row for each image."
        )
    return backbone
