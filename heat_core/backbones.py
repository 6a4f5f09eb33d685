"""Any timm classifier, seen as: feature volume → pooled vectors, and one linear head."""

import hashlib
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path

import numpy as np
import timm
import torch
from timm.data import create_transform, resolve_data_config
from timm.models import load_state_dict, load_state_dict_from_hf
from torch import nn

from heat_core.errors import HeatError

ASSETS = Path(__file__).resolve().parent.parent / "assets"
DEMO = "heat-demo-resnet"
_MAX_STAGES = 5
_CIFAR_NORM = {"mean": (0.4914, 0.4822, 0.4465), "std": (0.2023, 0.1994, 0.2010)}

# The paper's CIFAR networks: preset → (timm name, repository on the Hugging Face hub, classes)
CIFAR_PRESETS = {
    f"resnet{depth}{kind}_cifar{classes}": (f"resnet{depth}", f"edadaltocg/resnet{depth}{kind}_cifar{classes}", classes)
    for depth in (18, 34, 50)
    for kind in ("", "_supcon")
    for classes in (10, 100)
}


class Backbone(nn.Module):
    """A frozen classifier. Calling it gives the pooled features of a batch.

    Attributes:
        name: as asked for. image_size: side of the square input. transform: PIL image → (3, H, W) tensor.
        pixel_std: (1, 3, 1, 1), what the transform divides pixels between 0 and 1 by.
        head: (weight (C, D), bias (C,)) of the linear layer that reads `avg`, or None where there is no single one.
        fingerprint: of weights and transform.
    """

    def __init__(self, model: nn.Module, name: str, data_config: dict) -> None:
        super().__init__()
        self.model, self.name = model.eval().requires_grad_(False), name
        self.image_size = data_config["input_size"][-1]
        self.transform = create_transform(**data_config, is_training=False)
        self.pixel_std = torch.tensor(data_config["std"]).view(1, 3, 1, 1)
        self.head = _linear_head(model)
        config = f"{name} {sorted((k, str(v)) for k, v in data_config.items())}"
        self.fingerprint = _weights_digest(model, config)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B, 3, H, W) → avg (B, D), what the linear head reads, and std (B, D'), std-pooling of the volume."""
        volume = self.model.forward_features(images)
        return self.avg_pool(volume), self.std_pool(volume)

    def avg_pool(self, volume: torch.Tensor) -> torch.Tensor:
        """What the linear head reads: volume → (B, D)."""
        return self.model.forward_head(volume, pre_logits=True)

    def std_pool(self, volume: torch.Tensor) -> torch.Tensor:
        """Standard deviation over positions (Sec. 3.2): (B, C, H, W), (B, H, W, C) or (B, T, C) → (B, C).

        Class and register tokens of a ViT are no positions and are left out.
        """
        if volume.ndim == 4:
            positions = self.as_maps(volume).flatten(2).transpose(1, 2)
        elif volume.ndim == 3:
            positions = volume[:, getattr(self.model, "num_prefix_tokens", 0) :]
        else:
            raise HeatError(
                f"{self.name} has a feature volume of shape {tuple(volume.shape)}: std-pooling needs 3 or 4 axes."
            )
        return positions.float().std(dim=1, correction=0)

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
            size = (1, 3, self.image_size, self.image_size)
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
    if name == DEMO:
        model, config = demo_network(), {"input_size": (3, 32, 32), "mean": (0.5,) * 3, "std": (0.5,) * 3}
        _load_into(model, _read_weights(str(weights or ASSETS / "demo-resnet.safetensors")), name, "the demo's weights")
    elif name in CIFAR_PRESETS:
        architecture, repository, classes = CIFAR_PRESETS[name]
        state = _read_weights(weights) if weights else _from_hub(repository)
        state = {k.removeprefix("module.").removeprefix("encoder."): v for k, v in state.items()}
        model = cifar_network(architecture, classes)
        _load_into(model, state, name, weights or repository, head_may_miss="supcon" in name)
        config = {"input_size": (3, 32, 32), **_CIFAR_NORM}
    else:
        model = _timm_model(name, weights, image_size)
        config = resolve_data_config({}, model=model)
    side = image_size or config["input_size"][-1]
    # An image size is asked for so that the whole image is seen at it: no border is cropped.
    config |= {"input_size": (3, side, side)} | ({"crop_pct": 1.0} if image_size else {})
    if name == DEMO or name in CIFAR_PRESETS:
        config |= {"crop_pct": 1.0, "interpolation": "bicubic"}
    backbone = Backbone(model, name, config)
    try:
        with torch.inference_mode():
            backbone(torch.zeros(1, 3, side, side))
    except HeatError:
        raise
    except Exception as error:  # networks of one fixed size fail at the first image, each in its own way
        raise _wrong_size(name, side, error) from error
    return backbone


def cifar_network(architecture: str, classes: int, **keywords) -> nn.Module:
    """timm's ResNet for 32×32 images: a 3×3 stem of stride 1 and no max-pooling."""
    model = timm.create_model(architecture, pretrained=False, num_classes=classes, **keywords)
    model.conv1 = nn.Conv2d(3, model.conv1.out_channels, kernel_size=3, stride=1, padding=1, bias=False)
    model.maxpool = nn.Identity()
    return model


def demo_network() -> nn.Module:
    """The embedded demo's ResNet-10: 128 features, 0.3 M parameters."""
    return cifar_network("resnet18", 6, layers=(1, 1, 1, 1), channels=(16, 32, 64, 128), stem_width=16)


def _timm_model(name: str, weights: str | None, image_size: int | None) -> nn.Module:
    keywords: dict = {}
    state = _read_weights(weights) if weights else None
    if not name.startswith("hf-hub:") and not timm.is_model(name):
        near = get_close_matches(name, timm.list_models(), n=4, cutoff=0.5)
        hint = f" (did you mean {', '.join(near)}?)" if near else ""
        raise HeatError(f"timm knows no model {name!r}{hint}: timm.list_models() names them all.")
    try:
        if state is not None:
            keywords["num_classes"] = _classes_in(state, name)
        model = timm.create_model(name, pretrained=state is None, **keywords)
    except Exception as error:  # the hub, the network and timm raise many kinds
        if state is not None:
            raise HeatError(f"{name} could not be built with the weights {weights}: {error}.") from error
        raise HeatError(
            f"The weights of {name} could not be had ({_first_line(error)}): connect to the internet, or pass a "
            "weights file."
        ) from error
    if state is not None:
        _load_into(model, state, name, weights)
    if image_size and hasattr(model, "set_input_size"):  # resizes position embeddings: only once they are loaded
        try:
            model.set_input_size(img_size=image_size)
        except Exception as error:  # timm's models refuse in ways of their own
            raise _wrong_size(name, image_size, error) from error
    return model


def _wrong_size(name: str, side: int, error: Exception) -> HeatError:
    return HeatError(
        f"{name} cannot take images of {side} pixels ({_first_line(error)}): choose another image size, or leave it out."
    )


def _classes_in(state: dict[str, torch.Tensor], name: str) -> int | None:
    classifier = timm.get_pretrained_cfg_value(name, "classifier")
    classifier = classifier[0] if isinstance(classifier, list | tuple) else classifier
    weight = state.get(f"{classifier}.weight")
    return timm.get_pretrained_cfg_value(name, "num_classes") if weight is None else len(weight)


def _read_weights(path: str) -> dict[str, torch.Tensor]:
    if not Path(path).is_file():
        raise HeatError(f"The weights file {path} does not exist.")
    try:
        state = load_state_dict(path, use_ema=True, device="cpu", weights_only=True)
        return {k: v for k, v in state.items() if isinstance(v, torch.Tensor)}
    except Exception as error:  # safetensors, zip and unpickling errors
        raise HeatError(
            f"{path} is not a weights file that can be read safely (safetensors, or torch tensors without pickled code): {_first_line(error)}."
        ) from error


def _from_hub(repository: str) -> dict[str, torch.Tensor]:
    try:
        return load_state_dict_from_hf(repository, weights_only=True)
    except Exception as error:
        raise HeatError(
            f"The weights of {repository} could not be had from the Hugging Face hub ({_first_line(error)}): "
            "connect to the internet once, or pass a weights file."
        ) from error


def _load_into(model: nn.Module, state: dict, name: str, source, head_may_miss: bool = False) -> None:
    own = model.state_dict()
    misshapen = [k for k, v in state.items() if k in own and v.shape != own[k].shape]
    missing = [k for k in own if k not in state and not k.endswith("num_batches_tracked")]
    if head_may_miss:
        missing = [k for k in missing if not k.startswith("fc.")]
        if "fc.weight" not in state:
            model.reset_classifier(0)
    if misshapen or missing:
        example = (misshapen + missing)[0]
        what = "has another shape" if misshapen else "is missing"
        raise HeatError(
            f"The weights in {source} do not fit {name} ({example} {what}): choose the backbone that they were "
            "trained for."
        )
    model.load_state_dict({k: v for k, v in state.items() if k in model.state_dict()}, strict=False)
    if not all(torch.isfinite(p).all() for p in model.parameters()):
        raise HeatError(f"The weights in {source} hold NaN or infinite values: get the file again.")


def _linear_head(model: nn.Module) -> tuple[np.ndarray, np.ndarray] | None:
    head = model.get_classifier()
    if not isinstance(head, nn.Linear):
        return None
    bias = torch.zeros(head.out_features) if head.bias is None else head.bias
    return head.weight.double().numpy(), bias.double().numpy()


def _weights_digest(model: nn.Module, config: str) -> str:
    digest = hashlib.sha256(config.encode())
    for key, tensor in model.state_dict().items():
        digest.update(key.encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
