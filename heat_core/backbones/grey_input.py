"""Networks whose input has one channel: they get grey images, in the three equal channels of all other networks."""

from collections.abc import Mapping
from typing import Any

import torch
from PIL import Image
from timm.data import create_transform
from torch import nn
from torchvision import transforms

from heat_core.backbones.transforms import Transform


class _GreyTransform:
    """Transform whose output of one channel is repeated to three."""

    def __init__(self, transform: Transform) -> None:
        self._transform = transform

    def __call__(self, image: Image.Image) -> torch.Tensor:
        return self._transform(image).expand(3, -1, -1)

    def __repr__(self) -> str:
        return f"GreyTransform({self._transform!r})"


def has_grey_weights(state: Mapping[str, torch.Tensor], model: Any) -> bool:
    """Tell whether the first convolution in weights for a timm model has one input channel."""
    weight = state.get(f"{_first_convolution_name(model)}.weight")
    return weight is not None and weight.ndim == 4 and weight.shape[1] == 1


def timm_transform(model: Any, data_config: dict[str, Any]) -> tuple[dict[str, Any], Transform]:
    """Make the transform of a timm model; one with one input channel is given images of three equal channels.

    Args:
        model: the model; if its first convolution has one input channel, it takes the first of the three from now on.
        data_config: timm's data configuration.

    Returns:
        The configuration, for grey images with the means over the channels as mean and standard deviation, and the
        transform.
    """
    name = _first_convolution_name(model)
    convolution = model.get_submodule(name) if name else None
    if convolution is None or getattr(convolution, "in_channels", 3) != 1:
        return data_config, create_transform(**data_config, is_training=False)
    convolution.register_forward_pre_hook(_take_first_channel)
    equal = {key: (sum(data_config[key]) / len(data_config[key]),) * 3 for key in ("mean", "std")}
    data_config = data_config | equal
    transform = create_transform(**data_config, is_training=False)
    return data_config, transforms.Compose([transforms.Grayscale(3), transform])


def repeat_one_channel(module: nn.Module, transform: Transform) -> Transform:
    """Repeat the output of a transform that gives (1, H, W), and let its module take the first of three channels.

    Returns:
        The transform to use, which is the same if it gives another number of channels.
    """
    try:
        pixels = transform(Image.new("RGB", (64, 64)))
    except Exception:  # code of the caller may raise anything, which is explained where all transforms are examined
        return transform
    if not isinstance(pixels, torch.Tensor) or pixels.ndim != 3 or len(pixels) != 1:
        return transform
    module.register_forward_pre_hook(_take_first_channel)
    return _GreyTransform(transform)


def _take_first_channel(_: nn.Module, inputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    return inputs[0][:, :1], *inputs[1:]


def _first_convolution_name(model: Any) -> str:
    """Return the name of a timm model's first convolution; "" where timm does not state a single one.

    The model may have another stem than timm's, without the module that timm states.
    """
    name = getattr(model, "pretrained_cfg", {}).get("first_conv")
    return name if isinstance(name, str) and name in dict(model.named_modules()) else ""
