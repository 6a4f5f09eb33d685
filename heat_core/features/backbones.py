"""Any timm classifier, seen as: feature volume → pooled vectors, and one linear head."""

import hashlib
from functools import cached_property
from typing import Any

import numpy as np
import torch
from timm.data import create_transform, resolve_data_config
from torch import nn

from heat_core.errors import HeatError
from heat_core.features.networks import (
    ASSETS,
    CIFAR_PRESETS,
    DEMO,
    build,
    cifar_network,
    demo_network,
    wrong_size,
)
from heat_core.features.own_head import own_head
from heat_core.features.weights import first_line

__all__ = ["ASSETS", "CIFAR_PRESETS", "DEMO", "Backbone", "cifar_network", "demo_network", "load_backbone"]

_MAX_STAGES = 5


class Backbone(nn.Module):
    """A frozen classifier. Calling it gives the pooled features of a batch.

    Attributes:
        model: timm's, frozen.
        name: as asked for.
        input_size: (H, W) of the input in pixels.
        image_size: W, the side of a square input.
        preprocessing: how pixels are made of an image, as timm's `create_transform` takes it.
        transform: PIL image → (3, H, W) tensor.
        pixel_std: (1, 3, 1, 1), what the transform divides pixels between 0 and 1 by.
        head: (weight (C, D), bias (C,)) with which `avg` gives the network's own logits, or None where none does.
        no_head: why there is none.
        has_positions: whether the volume has positions, over which `std` is taken.
        lacking: what it has in their place, where it has none.
        fingerprint: of weights and transform.
    """

    model: Any  # timm's models share their methods, but no class

    def __init__(self, model: Any, name: str, data_config: dict[str, Any]) -> None:
        super().__init__()
        self.model, self.name = model.eval().requires_grad_(False), name
        self.input_size: tuple[int, int] = tuple(data_config["input_size"][1:])
        self.image_size = self.input_size[1]
        self.preprocessing = data_config
        self.transform = create_transform(**data_config, is_training=False)
        self.pixel_std = torch.tensor(data_config["std"]).view(1, 3, 1, 1)
        config = f"{name} {sorted((k, str(v)) for k, v in data_config.items())}"
        self.fingerprint = _weights_digest(model, config)

    def look(self) -> None:
        """See what the network is made of, by random images: its volume, and the head that reads `avg`."""
        generator = torch.Generator().manual_seed(0)
        device = next(self.model.parameters()).device
        with torch.inference_mode():
            pixels = torch.randn(4, 3, *self.input_size, generator=generator).to(device)
            volume = self.model.forward_features(pixels)
            if not isinstance(volume, torch.Tensor) or volume.ndim not in (3, 4):
                kind = tuple(volume.shape) if isinstance(volume, torch.Tensor) else type(volume).__name__
                raise HeatError(
                    f"The feature volume of {self.name} is not one tensor of maps or tokens ({kind}): choose another "
                    "backbone."
                )
            avg = self.avg_pool(volume)
            if not isinstance(avg, torch.Tensor) or avg.ndim != 2:
                raise HeatError(f"{self.name} does not pool its features into one vector: choose another backbone.")
            self.has_positions = self._has_positions(volume)
            self.lacking = "maps of one position" if volume.ndim == 4 else "class tokens only"
            self.head, self.no_head = own_head(self.model, pixels, avg)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """(B, 3, H, W) → avg (B, D), what the linear head reads, and std (B, D'), std-pooling of the volume."""
        volume = self.model.forward_features(images)
        return self.avg_pool(volume), self.std_pool(volume) if self.has_positions else None

    def avg_pool(self, volume: torch.Tensor) -> torch.Tensor:
        """What the linear head reads: volume → (B, D)."""
        return self.model.forward_head(volume, pre_logits=True)

    def std_pool(self, volume: torch.Tensor) -> torch.Tensor:
        """Standard deviation over positions (Sec. 3.2): volume → (B, C).

        Raises:
            HeatError: where there are no two positions.
        """
        if not self._has_positions(volume):
            raise self._without_positions(volume)
        return self.positions(volume).float().std(dim=1, correction=0)

    def positions(self, volume: torch.Tensor) -> torch.Tensor:
        """The vectors of the P positions, row by row: (B, C, H, W), (B, H, W, C) or (B, T, C) → (B, P, C).

        Class and register tokens of a ViT are no positions and are left out.

        Raises:
            HeatError: where the volume has no positions: 1 or 2 class tokens, as PiT's.
        """
        if volume.ndim == 4:
            return self.as_maps(volume).flatten(2).transpose(1, 2)
        if volume.ndim == 3 and (first := self._first_position(volume)) is not None:
            return volume[:, first:]
        raise self._without_positions(volume)

    def _without_positions(self, volume: torch.Tensor) -> HeatError:
        return HeatError(
            f"{self.name} has a feature volume of shape {tuple(volume.shape)}, without positions (one alone and class "
            "tokens are none): there is no std-pooling, and so no GMM-std."
        )

    def grid(self, volume: torch.Tensor) -> tuple[int, int]:
        """Rows and columns of the positions of a volume; HeatError where tokens stand on no grid that timm tells."""
        if volume.ndim == 4:
            height, width = self.as_maps(volume).shape[2:]
            return height, width
        count = self.positions(volume).shape[1]
        info = getattr(self.model, "feature_info", None)
        reduction = info[-1]["reduction"] if info else 0
        told = getattr(getattr(self.model, "patch_embed", None), "grid_size", None)
        reduced = tuple(side // reduction for side in self.input_size) if reduction else None
        for height, width in filter(None, (told, reduced)):
            if height * width == count:
                return height, width
        raise HeatError(
            f"The {count} positions of {self.name} stand on no grid that timm tells: choose another backbone."
        )

    def _has_positions(self, volume: torch.Tensor) -> bool:
        """Whether there are two positions or more over which `std` can be taken."""
        if volume.ndim == 4:
            return self.as_maps(volume)[0, 0].numel() > 1
        return self._first_position(volume) is not None

    def _first_position(self, volume: torch.Tensor) -> int | None:
        """How many tokens come before the positions of a (B, T, C) volume; None where no two positions are left.

        Where timm does not tell, T less the cells of the grid that the input is reduced to.
        """
        tokens, prefix = volume.shape[1], getattr(self.model, "num_prefix_tokens", None)
        if prefix is None:
            info = getattr(self.model, "feature_info", None)
            reduction = info[-1]["reduction"] if info else 0
            cells = (self.input_size[0] // reduction) * (self.input_size[1] // reduction) if reduction else tokens
            prefix = tokens - cells if tokens - cells >= 0 else tokens
        return prefix if tokens - prefix > 1 else None

    def as_maps(self, volume: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) or (B, H, W, C) → (B, C, H, W)."""
        channels_last = volume.shape[1] != self.model.num_features and volume.shape[3] == self.model.num_features
        return volume.permute(0, 3, 1, 2) if channels_last else volume

    def stages(self, images: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The volume, and the (B, C_l, H_l, W_l) outputs of at most four stages before it, evenly spaced."""
        volume, found = self.model.forward_intermediates(images, indices=self._stage_indices, output_fmt="NCHW")
        return volume, found[:-1]

    def stage(self, images: torch.Tensor, index: int) -> torch.Tensor:
        """The output of one stage alone; the network stops there."""
        return self.model.forward_intermediates(
            images, indices=[self._stage_indices[index]], output_fmt="NCHW", stop_early=True, intermediates_only=True
        )[0]

    @cached_property
    def _stage_indices(self) -> list[int]:
        count = len(self.model.feature_info)
        return sorted({round(i) for i in np.linspace(0, count - 1, min(count, _MAX_STAGES))})

    @cached_property
    def _dry(self) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """Volume and stages of a black image, for their shapes."""
        with torch.inference_mode():
            size = (1, 3, *self.input_size)
            return self.stages(torch.zeros(size, device=next(self.parameters()).device))

    @property
    def has_maps(self) -> bool:
        """Whether the volume has channels and positions, as a CNN's; a ViT's has tokens."""
        return self._dry[0].ndim == 4

    @property
    def map_widths(self) -> list[int]:
        """Channels of every stage and of the volume."""
        volume, stages = self._dry
        return [*(s.shape[1] for s in stages), self.as_maps(volume).shape[1]]

    @property
    def layer_widths(self) -> list[int]:
        """Channels of every stage but the last, and D."""
        volume, stages = self._dry
        return [*(s.shape[1] for s in stages), self.avg_pool(volume).shape[1]]


def load_backbone(name: str, weights: str | None = None, image_size: int | None = None) -> Backbone:
    """Load a classifier.

    Args:
        name: a timm name, `hf-hub:…` id, one of `CIFAR_PRESETS`, or the demo's network.
        weights: a local file (safetensors, or torch without pickled code), also in float16; default: timm's own.
        image_size: side of the input in pixels; default: the model's.

    Raises:
        HeatError: for an unknown name, weights that do not fit, or weights that cannot be had offline.
    """
    if image_size is not None and image_size < 8:
        raise HeatError(f"The image size is {image_size}: it must be at least 8 pixels.")
    model, config = build(name, weights, image_size)
    config = resolve_data_config({}, model=model) if config is None else config
    size = (image_size, image_size) if image_size else tuple(config["input_size"][1:])
    # An image size is asked for so that the whole image is seen at it: no border is cropped.
    config |= {"input_size": (3, *size)} | ({"crop_pct": 1.0} if image_size else {})
    backbone = Backbone(model, name, config)
    try:
        backbone.look()
    except HeatError:
        raise
    except Exception as error:  # networks of one fixed size fail at the first image, each in its own way
        if image_size is None:
            raise HeatError(f"{name} cannot be used ({first_line(error)}): choose another backbone.") from error
        raise wrong_size(name, image_size, error) from error
    return backbone


def _weights_digest(model: nn.Module, config: str) -> str:
    digest = hashlib.sha256(config.encode())
    for key, tensor in model.state_dict().items():
        digest.update(key.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]
