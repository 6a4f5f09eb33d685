"""Access to the parts of a network: the vector that its head reads, the volume that is pooled, and its stages.

`Backbone` uses a `FeatureExtractor` and does not depend on the module names of any network. The extractor of timm's
models is defined here.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from heat_core.backbones.find_head import find_linear_head
from heat_core.errors import HeatError
from heat_core.types import Head

_MAX_STAGES = 5
_MAX_REDUCTION = 64  # largest number of input pixels per position, along one side


class Activations(NamedTuple):
    """Outputs of a network for a batch.

    Attributes:
        avg: (B, D) input of the linear head.
        volume: (B, C, H, W), (B, H, W, C) or (B, T, C) from which `avg` is pooled; None where it is not known.
        stages: (B, C_l, H_l, W_l) of at most four stages before the volume; empty unless they are requested.
    """

    avg: torch.Tensor
    volume: torch.Tensor | None
    stages: list[torch.Tensor]


class FeatureExtractor(ABC):
    """Base class for access to the features, the head and the stages of a network.

    Attributes:
        model: the network, pixels → logits; frozen.
        name: the network's name in messages.
        channels: channels of a volume of maps, by which (B, H, W, C) is distinguished from (B, C, H, W).
    """

    model: Any  # timm's models share methods, but no base class
    name: str
    channels: int

    @abstractmethod
    def forward(self, images: torch.Tensor) -> Activations:
        """Compute the activations of (B, 3, H, W) images, without stages."""

    def linear_head(self, images: torch.Tensor, avg: torch.Tensor) -> tuple[Head | None, str]:
        """Return the linear head that gives the network's logits from `avg`, or None and the reason."""
        return find_linear_head(self.model, images, avg)

    @abstractmethod
    def num_prefix_tokens(self, tokens: int, size: tuple[int, int]) -> int:
        """Count the tokens of a (B, T, C) volume that come before its positions, for an input of (H, W) pixels."""

    def candidate_grids(self, positions: int, size: tuple[int, int]) -> list[tuple[int, int]]:
        """List the grids (rows, columns) with that many positions, the likeliest first."""
        return [grid for grid in reduced_grids(size) if math.prod(grid) == positions]

    @property
    def has_stages(self) -> bool:
        """Whether the extractor gives the volumes between the network's stages."""
        return False

    def forward_stages(self, images: torch.Tensor) -> Activations:
        """Compute the activations with stages; only where `has_stages` is true."""
        raise NotImplementedError

    def forward_stage(self, images: torch.Tensor, index: int) -> torch.Tensor:
        """Compute the output of one stage alone; only where `has_stages` is true."""
        raise NotImplementedError


def volume_kind(volume: torch.Tensor | None) -> str:
    """Describe the content of a volume without positions."""
    if volume is None:
        return "one vector alone"
    return "maps of one position" if volume.ndim == 4 else "class tokens only"


def reduced_grids(size: tuple[int, int]) -> list[tuple[int, int]]:
    """List the rows and columns that remain at every integer reduction of an input of (H, W) pixels."""
    reductions = range(1, min(_MAX_REDUCTION, *size) + 1)
    return list(dict.fromkeys((size[0] // r, size[1] // r) for r in reductions))


class TimmExtractor(FeatureExtractor):
    """Feature extractor of timm's models."""

    def __init__(self, model: Any, name: str) -> None:
        self.model, self.name, self.channels = model, name, getattr(model, "num_features", 0)

    def forward(self, images: torch.Tensor) -> Activations:
        """Compute `avg` and the volume by timm's `forward_features` and `forward_head`."""
        return self._pool(self.model.forward_features(images))

    def _pool(self, volume: Any, stages: Sequence[torch.Tensor] = ()) -> Activations:
        if not isinstance(volume, torch.Tensor) or volume.ndim not in (3, 4):
            kind = tuple(volume.shape) if isinstance(volume, torch.Tensor) else type(volume).__name__
            raise HeatError(
                f"The feature volume of {self.name} is not one tensor of maps or tokens ({kind}): choose another "
                "backbone."
            )
        return Activations(self.model.forward_head(volume, pre_logits=True), volume, list(stages))

    def num_prefix_tokens(self, tokens: int, size: tuple[int, int]) -> int:
        """Return timm's own number, or else T minus the number of cells of the grid to which the input is reduced."""
        prefix_tokens = getattr(self.model, "num_prefix_tokens", None)
        if prefix_tokens is not None:
            return prefix_tokens
        grid = self._reduced_grid(size)
        cells = grid[0] * grid[1] if grid else tokens
        return tokens - cells if tokens - cells >= 0 else tokens

    def candidate_grids(self, positions: int, size: tuple[int, int]) -> list[tuple[int, int]]:
        """List the grids of the patch embedding and of the last reduction that have that many positions."""
        patch_grid = getattr(getattr(self.model, "patch_embed", None), "grid_size", None)
        return [grid for grid in (patch_grid, self._reduced_grid(size)) if grid and grid[0] * grid[1] == positions]

    def _reduced_grid(self, size: tuple[int, int]) -> tuple[int, int] | None:
        info = getattr(self.model, "feature_info", None)
        reduction = info[-1]["reduction"] if info else 0
        return (size[0] // reduction, size[1] // reduction) if reduction else None

    @property
    def has_stages(self) -> bool:
        """Whether the model has timm's `forward_intermediates`."""
        return hasattr(self.model, "forward_intermediates")

    def forward_stages(self, images: torch.Tensor) -> Activations:
        """Compute the activations with stages by timm's `forward_intermediates`."""
        volume, stages = self.model.forward_intermediates(images, indices=self._stage_indices, output_fmt="NCHW")
        return self._pool(volume, stages[:-1])

    def forward_stage(self, images: torch.Tensor, index: int) -> torch.Tensor:
        """Compute the output of one stage; the network is not evaluated beyond it."""
        return self.model.forward_intermediates(
            images, indices=[self._stage_indices[index]], output_fmt="NCHW", stop_early=True, intermediates_only=True
        )[0]

    @property
    def _stage_indices(self) -> list[int]:
        """Indices of at most five stages, evenly spaced; the last stage gives the volume."""
        count = len(self.model.feature_info)
        return sorted({round(i) for i in np.linspace(0, count - 1, min(count, _MAX_STAGES))})
