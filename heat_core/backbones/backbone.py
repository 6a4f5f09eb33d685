"""A frozen network that gives a feature volume, vectors pooled from it, and one linear head."""

from functools import cached_property
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import torch
from torch import nn

from heat_core.backbones.feature_extractor import Activations, FeatureExtractor, TimmExtractor, volume_kind
from heat_core.backbones.frozen import FrozenModule, copy_module
from heat_core.backbones.grey_input import repeat_one_channel, timm_transform
from heat_core.backbones.hooks import find_extractor
from heat_core.backbones.pixel_input import UnknownTransform
from heat_core.backbones.state_dict import first_line
from heat_core.backbones.torch_export import exported
from heat_core.backbones.transforms import MEMORY_ADDRESS, Transform, TransformInfo
from heat_core.digests import digest_of_tensors
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import expand_home

_TOLERANCE = 1e-3  # relative to the largest number; allows for float32 rounding in a deep network
WRAPPED_PREFIX = "wrapped:"  # prefix of the name of a module that was wrapped in Python
_wrapped_backbones: WeakValueDictionary[str, "Backbone"] = WeakValueDictionary()  # name → backbone


class Backbone(FrozenModule):
    """Frozen network; calling it gives the pooled features of a batch.

    Attributes:
        model: the network itself: pixels → logits.
        name: the name by which the network was requested.
        input_shape: (C, H, W) of the input; C is 3 where the transform is known.
        input_size: (H, W) of the input in pixels.
        image_size: W, the side of a square input in pixels.
        transform: PIL image → (3, H, W) tensor.
        pixel_std: (1, 3, 1, 1) standard deviations by which the transform divides pixels in [0, 1]; ones where it does
            not normalise.
        head: (weight (C, D), bias (C,)) with which `avg` gives the network's own logits, or None where no head does.
        no_head_reason: why there is no head; "" where there is one.
        has_positions: whether the volume has positions, over which `std` is taken.
        volume_kind: what a volume without positions consists of, in words.
        fingerprint: digest of weights and transform.
    """

    def __init__(self, extractor: FeatureExtractor, name: str, transform_info: TransformInfo, fingerprint: str) -> None:
        super().__init__()
        self.extractor, self.name, self.transform_info, self.fingerprint = extractor, name, transform_info, fingerprint
        self.model: nn.Module = extractor.model.eval().requires_grad_(False)
        self.transform, self.input_shape = transform_info.transform, transform_info.shape
        self.input_size, self.image_size = transform_info.size, transform_info.size[1]
        self.pixel_std = torch.tensor(transform_info.std).view(1, -1, 1, 1)
        self.freeze()
        self._inspect_model()

    @classmethod
    def from_timm(cls, model: Any, name: str, data_config: dict[str, Any]) -> "Backbone":
        """Make a backbone of a timm model, with images prepared according to its data configuration."""
        height, width = data_config["input_size"][1:]
        data_config, transform = timm_transform(model, data_config)
        mean, std = tuple(data_config["mean"]), tuple(data_config["std"])
        transform_info = TransformInfo(transform, (height, width), mean, std)
        config = f"{name} {sorted((k, str(v)) for k, v in data_config.items())}"
        return cls(TimmExtractor(model, name), name, transform_info, _fingerprint(model, config))

    @classmethod
    def wrap(
        cls,
        module: nn.Module,
        transform: Transform | None = None,
        pool: str | None = "auto",
        head: str | None = None,
        name: str = "",
        input_shape: tuple[int, int, int] | None = None,
    ) -> "Backbone":
        """Wrap any module for `heat_core.run(experiment, backbone=…)` or `extract`.

        The backbone is a copy in float32, so that later changes of the module do not affect it. Whether the head,
        applied to `avg`, gives the module's logits is checked here.

        Args:
            module: (B, 3, H, W) pixels → logits: a tensor, or an output that holds one as `logits` or as its first
                part. It may take one channel, (B, 1, H, W), if the transform gives one. Of a module that is compiled
                or in a DataParallel, the plain one is used.
            transform: PIL image in RGB → (3, H, W) or (1, H, W) tensor, without random augmentation. None: the
                backbone takes batches of pixels alone, of `input_shape`, and refuses images and files.
            pool: dotted name of the module that pools; its input is the feature volume. `auto`: the last maps or tokens
                that any module outputs before the head. None: there is no volume, and so no std-pooling.
            head: dotted name of the module whose input is `avg`: the last linear layer. None: the layer is searched
                for. `none`: the module is an encoder, and its output is `avg`.
            name: name in runs and tables; default: that of the module's class.
            input_shape: (C, H, W) of the pixels, with any number of channels; read where there is no transform.

        Raises:
            HeatError: where the module cannot be copied, or the transform, the head or the pooling does not fit the
                description above.
        """
        transform = UnknownTransform(input_shape) if transform is None else transform
        module_copy = copy_module(module)
        title = printable(name or type(module_copy).__name__)
        backbone = cls.from_module(module_copy, transform, pool, head, title, WRAPPED_PREFIX)
        _wrapped_backbones[backbone.name] = backbone
        return backbone

    @classmethod
    def from_module(
        cls, module: nn.Module, transform: Transform, pool: str | None, head: str | None, title: str, kind: str = ""
    ) -> "Backbone":
        """Make a backbone of a module that nothing else refers to.

        Args:
            module: the module; it is moved to the CPU and to float32.
            transform: PIL image in RGB → (3, H, W) or (1, H, W) tensor.
            pool: as in `wrap`.
            head: as in `wrap`.
            title: the backbone's name.
            kind: prefix of a name that ends in the fingerprint; "" = the name is the title alone.

        Raises:
            HeatError: where the module or its transform cannot be used.
        """
        transform_info = TransformInfo.inspect(transform := repeat_one_channel(module, transform))
        try:
            config = MEMORY_ADDRESS.sub("", repr(module))
            module = module.cpu().float().eval()
            extractor = find_extractor(module, title, head, pool, transform_info.shape)
            config += f" {transform_info.fingerprint_text} {extractor.fingerprint_text}"
            fingerprint = _fingerprint(module, config)
            backbone = cls(extractor, f"{kind}{title}@{fingerprint}" if kind else title, transform_info, fingerprint)
        except HeatError:
            raise
        except Exception as error:  # code of the caller may raise anything
            raise HeatError(
                f"{title} cannot be used at {transform_info.size[0]}×{transform_info.size[1]} pixels "
                f"({first_line(error)}): it must take a batch (B, {transform_info.shape[0]}, H, W) of what the "
                "transform gives."
            ) from error
        backbone.require_independent()
        return backbone

    def save(self, path: str | Path) -> None:
        """Write the backbone to a file that ends in .pt2, for `--backbone torch:FILE` and for other processes.

        The file holds the network without its stages, its head, and its transform.

        Raises:
            HeatError: where `torch.export` cannot take the network, or the transform has steps other than Resize,
                CenterCrop, ToTensor and Normalize.
        """
        exported.save_backbone(self, expand_home(path))

    def _inspect_model(self) -> None:
        """Determine the kind of volume and the head that reads `avg`, from the outputs for random images."""
        generator = torch.Generator().manual_seed(0)
        with torch.inference_mode():
            pixels = torch.randn(4, *self.input_shape, generator=generator).to(self.device)
            avg, volume, _ = self.extractor.forward(pixels)
            if not isinstance(avg, torch.Tensor) or avg.ndim != 2:
                raise HeatError(f"{self.name} does not pool its features into one vector: choose another backbone.")
            self.has_positions = self._has_positions(volume)
            self.volume_kind = volume_kind(volume)
            self.head, self.no_head_reason = self.extractor.linear_head(pixels, avg)

    def require_independent(self) -> None:
        """Refuse a network whose features of an image depend on the other images of its batch."""
        generator = torch.Generator().manual_seed(1)
        with torch.inference_mode():
            pixels = torch.randn(3, *self.input_shape, generator=generator).to(self.device)
            batched, single = self(pixels)[0], self(pixels[:1])[0]
        if (batched[:1] - single).abs().max() > _TOLERANCE * batched.abs().max().clamp_min(1e-12):
            raise HeatError(
                f"The features of an image depend on the other images of its batch in {self.name}: give a module "
                "that treats each image by itself (a BatchNorm without running statistics does not)."
            )

    @property
    def is_wrapped(self) -> bool:
        """Whether the backbone was wrapped from a Python module, so that no other process can load it by its name."""
        return self.name in _wrapped_backbones

    @property
    def device(self) -> torch.device:
        """Device of the network's parameters."""
        return next((tensor.device for tensor in (*self.parameters(), *self.buffers())), torch.device("cpu"))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Compute avg (B, D), the input of the linear head, and std (B, D'), std-pooling of the volume, or None."""
        avg, volume, _ = self.extractor.forward(images)
        return avg, self.std_pool(volume) if self.has_positions else None

    def std_pool(self, volume: torch.Tensor | None) -> torch.Tensor:
        """Take the standard deviation over positions (Sec. 3.2): volume → (B, C).

        Raises:
            HeatError: where there are fewer than two positions.
        """
        if not self._has_positions(volume):
            raise self._no_positions_error(volume)
        return self.positions(volume).float().std(dim=1, correction=0)

    def positions(self, volume: torch.Tensor | None) -> torch.Tensor:
        """Return the vectors of the P positions, row by row: (B, C, H, W), (B, H, W, C) or (B, T, C) → (B, P, C).

        Class and register tokens of a ViT are not positions and are left out.

        Raises:
            HeatError: where the volume has no positions, such as the 1 or 2 class tokens of PiT.
        """
        if volume is not None and volume.ndim == 4:
            return self.as_maps(volume).flatten(2).transpose(1, 2)
        if volume is not None and (first := self._first_position(volume)) is not None:
            return volume[:, first:]
        raise self._no_positions_error(volume)

    def _no_positions_error(self, volume: torch.Tensor | None) -> HeatError:
        shape = "no feature volume" if volume is None else f"a feature volume of shape {tuple(volume.shape)}"
        return HeatError(
            f"{self.name} has {shape}, without positions (one alone and class tokens are none): there is no "
            "std-pooling, and so no GMM-std."
        )

    def grid(self, volume: torch.Tensor) -> tuple[int, int]:
        """Return the numbers of rows and columns in which the positions of a volume are arranged.

        Raises:
            HeatError: where tokens are arranged on no known grid.
        """
        if volume.ndim == 4:
            height, width = self.as_maps(volume).shape[2:]
            return height, width
        count = self.positions(volume).shape[1]
        for grid in self.extractor.candidate_grids(count, self.input_size):
            return grid
        raise HeatError(f"The {count} positions of {self.name} are on no known grid: choose another backbone.")

    def _has_positions(self, volume: torch.Tensor | None) -> bool:
        """Tell whether a volume has at least two positions, over which `std` can be taken."""
        if volume is None:
            return False
        if volume.ndim == 4:
            return self.as_maps(volume)[0, 0].numel() > 1
        return self._first_position(volume) is not None

    def _first_position(self, volume: torch.Tensor) -> int | None:
        """Count the tokens before the positions of a (B, T, C) volume; None where fewer than two positions remain."""
        tokens = volume.shape[1]
        prefix = self.extractor.num_prefix_tokens(tokens, self.input_size)
        return prefix if tokens - prefix > 1 else None

    def as_maps(self, volume: torch.Tensor) -> torch.Tensor:
        """Bring (B, C, H, W) or (B, H, W, C) into the order (B, C, H, W)."""
        channels_last = volume.shape[1] != self.extractor.channels and volume.shape[3] == self.extractor.channels
        return volume.permute(0, 3, 1, 2) if channels_last else volume

    @cached_property
    def _example_activations(self) -> Activations:
        """Activations of a black image, from which shapes are read; only for networks with stages."""
        with torch.inference_mode():
            return self.extractor.forward_stages(torch.zeros((1, *self.input_shape), device=self.device))

    @property
    def has_maps(self) -> bool:
        """Whether the volume has channels and positions, as that of a CNN; that of a ViT has tokens."""
        return self._example_activations.volume is not None and self._example_activations.volume.ndim == 4

    @property
    def map_widths(self) -> list[int]:
        """Channels of every stage and of the volume."""
        _, volume, stages = self._example_activations
        assert volume is not None
        return [*(s.shape[1] for s in stages), self.as_maps(volume).shape[1]]

    @property
    def layer_widths(self) -> list[int]:
        """Channels of every stage but the last, and D."""
        return [*(s.shape[1] for s in self._example_activations.stages), self._example_activations.avg.shape[1]]


def _fingerprint(model: nn.Module, config: str) -> str:
    return digest_of_tensors(model.state_dict().items(), config, "sha256")[:16]


def wrapped_backbone(name: str) -> Backbone:
    """Return the backbone of that name that was wrapped in this process.

    Raises:
        HeatError: where this process has none of that name.
    """
    if (backbone := _wrapped_backbones.get(name)) is not None:
        return backbone
    raise HeatError(
        f"The backbone {name.removeprefix(WRAPPED_PREFIX)} is a Python module, which this process does not have: "
        "wrap it with Backbone.wrap in a Python session and continue there, or write it to a file with its `save` and "
        "start a run with torch:FILE.pt2."
    )
