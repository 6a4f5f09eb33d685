"""Where in a network its parts are: the vector that its head reads, the volume that is pooled, its stages.

A `Backbone` asks a `FeatureExtractor` and knows no network's own names. This file holds the one of timm's models.
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
_MAX_REDUCTION = 64  # pixels of the input a position, along one side


class Activations(NamedTuple):
    """What a network makes of a batch.

    Attributes:
        avg: (B, D), what the linear head reads.
        volume: (B, C, H, W), (B, H, W, C) or (B, T, C), what is pooled to it; None where that is not known.
        stages: (B, C_l, H_l, W_l) of at most four stages before the volume; empty unless they are asked for.
    """

    avg: torch.Tensor
    volume: torch.Tensor | None
    stages: list[torch.Tensor]


class FeatureExtractor(ABC):
    """A network, taken apart.

    Attributes:
        model: pixels → logits; frozen.
        name: as sentences call it.
        channels: of the volume where it is maps, to tell (B, H, W, C) from (B, C, H, W).
    """

    model: Any  # timm's models share their methods, but no class
    name: str
    channels: int

    @abstractmethod
    def forward(self, images: torch.Tensor) -> Activations:
        """(B, 3, H, W) → what the network makes of it, without stages."""

    def linear_head(self, images: torch.Tensor, avg: torch.Tensor) -> tuple[Head | None, str]:
        """The linear head that gives the network's logits from the `avg` of these images, or None and why."""
        return find_linear_head(self.model, images, avg)

    @abstractmethod
    def num_prefix_tokens(self, tokens: int, size: tuple[int, int]) -> int:
        """How many of the tokens of a (B, T, C) volume come before its positions, for an input of (H, W) pixels."""

    def candidate_grids(self, positions: int, size: tuple[int, int]) -> list[tuple[int, int]]:
        """Grids (rows, columns) on which that many tokens may stand, the likeliest first."""
        return [grid for grid in reduced_grids(size) if math.prod(grid) == positions]

    @property
    def has_stages(self) -> bool:
        """Whether it shows the volumes between its stages."""
        return False

    def forward_stages(self, images: torch.Tensor) -> Activations:
        """As `forward`, with stages; only where it has them."""
        raise NotImplementedError

    def forward_stage(self, images: torch.Tensor, index: int) -> torch.Tensor:
        """The output of one stage alone; only where it has them."""
        raise NotImplementedError


def reduced_grids(size: tuple[int, int]) -> list[tuple[int, int]]:
    """Rows and columns at every whole reduction of an input of (H, W) pixels."""
    reductions = range(1, min(_MAX_REDUCTION, *size) + 1)
    return list(dict.fromkeys((size[0] // r, size[1] // r) for r in reductions))


class TimmExtractor(FeatureExtractor):
    """The feature extractor of timm's models."""

    def __init__(self, model: Any, name: str) -> None:
        self.model, self.name, self.channels = model, name, getattr(model, "num_features", 0)

    def forward(self, images: torch.Tensor) -> Activations:
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
        """Where timm does not tell, T less the cells of the grid that the input is reduced to."""
        prefix_tokens = getattr(self.model, "num_prefix_tokens", None)
        if prefix_tokens is not None:
            return prefix_tokens
        grid = self._reduced_grid(size)
        cells = grid[0] * grid[1] if grid else tokens
        return tokens - cells if tokens - cells >= 0 else tokens

    def candidate_grids(self, positions: int, size: tuple[int, int]) -> list[tuple[int, int]]:
        patch_grid = getattr(getattr(self.model, "patch_embed", None), "grid_size", None)
        return [grid for grid in (patch_grid, self._reduced_grid(size)) if grid and grid[0] * grid[1] == positions]

    def _reduced_grid(self, size: tuple[int, int]) -> tuple[int, int] | None:
        info = getattr(self.model, "feature_info", None)
        reduction = info[-1]["reduction"] if info else 0
        return (size[0] // reduction, size[1] // reduction) if reduction else None

    @property
    def has_stages(self) -> bool:
        return hasattr(self.model, "forward_intermediates")

    def forward_stages(self, images: torch.Tensor) -> Activations:
        volume, stages = self.model.forward_intermediates(images, indices=self._stage_indices, output_fmt="NCHW")
        return self._pool(volume, stages[:-1])

    def forward_stage(self, images: torch.Tensor, index: int) -> torch.Tensor:
        """The network stops there."""
        return self.model.forward_intermediates(
            images, indices=[self._stage_indices[index]], output_fmt="NCHW", stop_early=True, intermediates_only=True
        )[0]

    @property
    def _stage_indices(self) -> list[int]:
        """Of at most five stages, evenly spaced; the last gives the volume."""
        count = len(self.model.feature_info)
        return sorted({round(i) for i in np.linspace(0, count - 1, min(count, _MAX_STAGES))})
