"""Inputs of the activation modules of a network, image by image.

A probe decides once per network which of them are read, so that this depends on no batch.
"""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import nn

from heat_core.backbones.hooks import HookPoint, capture_tensors
from heat_core.backbones.registry import Backbone
from heat_core.errors import HeatError

_LIBRARIES = ("torch.nn.modules.activation", "timm.layers.activations", "transformers.activations")
_NOT_READ = {
    *("Sigmoid", "Hardsigmoid", "HardSigmoid", "HardSigmoidMe", "LogSigmoid"),  # gates
    *("Softmax", "Softmax2d", "Softmin", "LogSoftmax", "MultiheadAttention"),
}
_PROBES = (2, 3)  # images


class ActivationCall(NamedTuple):
    """Call of an activation module.

    Attributes:
        module: dotted name of the module.
        number: how often it was called before, in the same pass.
    """

    module: str
    number: int


_calls: WeakKeyDictionary[Backbone, tuple[ActivationCall, ...]] = WeakKeyDictionary()


def activation_calls(backbone: Backbone) -> tuple[ActivationCall, ...]:
    """List the calls of activation modules whose input has a row for each image, in their order.

    Activation modules are those of torch, timm and Hugging Face's transformers (ReLU, GELU, SiLU, PReLU …), and
    subclasses of them; sigmoids, which are the gates of squeeze-and-excitation, softmax and attention are none.
    Activations that a network computes by functions are not seen. Which inputs have a row for each image is decided by
    a pass of two and one of three images: tables of positions, and windows that are stacked, do not follow.
    """
    if backbone not in _calls:
        _calls[backbone] = _probe(backbone)
    return _calls[backbone]


def activation_extremes(backbone: Backbone, pixels: torch.Tensor) -> list[torch.Tensor]:
    """Run the network on B images; return the smallest and the largest input of each of its `activation_calls`.

    Returns:
        two (B,) tensors a call.

    Raises:
        HeatError: where these images do not pass an activation module as those of the probe did.
    """
    extremes: dict[ActivationCall, tuple[torch.Tensor, ...]] = {}
    calls = activation_calls(backbone)

    def record(call: ActivationCall, values: torch.Tensor) -> None:
        if call in calls and values.shape[:1] == pixels.shape[:1]:
            extremes[call] = tuple(values.float().reshape(len(values), -1).aminmax(dim=1))

    _pass_images(backbone, pixels, record)
    if missing := [call.module for call in calls if call not in extremes]:
        raise HeatError(f"{missing[0]} of {backbone.name} is not called in the same way for all images.")
    return [values for call in calls for values in extremes[call]]


def _probe(backbone: Backbone) -> tuple[ActivationCall, ...]:
    """Keep the calls whose first dimension is the number of images, for two and for three of them."""
    two, three = (_first_dimensions(backbone, count) for count in _PROBES)
    return tuple(call for call, rows in two.items() if (rows, three.get(call)) == _PROBES)


def _first_dimensions(backbone: Backbone, count: int) -> dict[ActivationCall, int]:
    """Run the network on black images; return the first dimension of each call's input, in the order of the calls."""
    rows: dict[ActivationCall, int] = {}
    if _activation_modules(backbone):
        pixels = torch.zeros((count, *backbone.input_shape), device=backbone.device)
        _pass_images(backbone, pixels, lambda call, values: rows.update({call: len(values) if values.ndim else 0}))
    return rows


def _activation_modules(backbone: Backbone) -> list[HookPoint]:
    return [HookPoint(name, True) for name, part in backbone.model.named_modules() if _is_activation(part)]


def _is_activation(part: nn.Module) -> bool:
    kinds = [kind for kind in type(part).__mro__ if kind.__module__.startswith(_LIBRARIES)]
    return bool(kinds) and not any(kind.__name__ in _NOT_READ for kind in kinds)


def _pass_images(
    backbone: Backbone, pixels: torch.Tensor, on_call: Callable[[ActivationCall, torch.Tensor], None]
) -> None:
    """Run the network, and report each call of an activation module with its input, before the module changes it."""
    counts: Counter[str] = Counter()

    def number(point: HookPoint, values: torch.Tensor) -> None:
        on_call(ActivationCall(point.module, counts[point.module]), values)
        counts[point.module] += 1

    with torch.no_grad(), capture_tensors(backbone.model, _activation_modules(backbone), number):
        backbone.extractor.forward(pixels)
