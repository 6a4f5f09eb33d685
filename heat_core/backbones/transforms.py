"""Transforms from an image to the pixels of a network, characterised by their effect on test images.

A transform that resizes, crops the centre and normalises can be described by a `TransformSpec` and stored in a file.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from PIL import Image
from torchvision import transforms

from heat_core.backbones.pixel_input import UnknownTransform
from heat_core.backbones.state_dict import first_line
from heat_core.digests import digest_of_bytes
from heat_core.errors import HeatError

Transform = Callable[[Image.Image], torch.Tensor]
_SHAPES = ((300, 200), (200, 300), (40, 40))  # width and height of the test images
MEMORY_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


@dataclass(frozen=True)
class TransformInfo:
    """Transform with the properties that were determined for it.

    Attributes:
        transform: PIL image in RGB → (3, H, W) tensor, or an `UnknownTransform`.
        size: (H, W) of the output in pixels.
        mean: per-channel mean (red, green, blue) subtracted from pixels in [0, 1].
        std: per-channel standard deviation by which the difference is divided; ones (and a mean of zeros) where the
            transform is no such normalisation.
    """

    transform: Transform
    size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def inspect(cls, transform: Transform) -> "TransformInfo":
        """Determine size, mean and std of a transform by applying it to test images.

        Raises:
            HeatError: where it does not turn every image into one (3, H, W) tensor, the same each time.
        """
        if isinstance(transform, UnknownTransform):
            channels, height, width = transform.shape
            return cls(transform, (height, width), (0.0,) * channels, (1.0,) * channels)
        outputs = [_apply(transform, image) for image in _test_images()]
        first = outputs[0]
        if first.ndim != 3 or len(first) != 3 or not first.is_floating_point():
            raise HeatError(
                f"The transform gives {str(first.dtype).removeprefix('torch.')} {tuple(first.shape)}: it must give "
                "(3, H, W) floating-point numbers, as ToTensor() does."
            )
        if shapes := {tuple(pixels.shape) for pixels in outputs} - {tuple(first.shape)}:
            raise HeatError(
                f"The transform gives {tuple(first.shape)} for one image and {shapes.pop()} for another: let it end in "
                "one size, as CenterCrop(224) does."
            )
        if not torch.equal(first, _apply(transform, _test_images()[0])):
            raise HeatError(
                "The transform gives a different result each time: give the one for testing, without random steps."
            )
        mean, std = _normalisation(transform)
        return cls(transform, (first.shape[1], first.shape[2]), mean, std)

    @property
    def is_known(self) -> bool:
        """Whether images can be turned into pixels."""
        return not isinstance(self.transform, UnknownTransform)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of the output; C is 3 where the transform is known."""
        return (len(self.mean), *self.size)

    @property
    def fingerprint_text(self) -> str:
        """Text that identifies the transform in fingerprints.

        It is the transform's repr with size, mean and std; where the repr holds a memory address, a digest of the
        outputs for the test images replaces mean and std.
        """
        text = repr(self.transform)
        without_address = MEMORY_ADDRESS.sub("", text)
        if without_address == text:
            return f"{text} {self.size} {self.mean} {self.std}"
        outputs = (_apply(self.transform, image).numpy().tobytes() for image in _test_images())
        return f"{without_address} {self.size} {digest_of_bytes(*outputs, length=64)}"

    def to_spec(self) -> "TransformSpec":
        """Describe the transform by a `TransformSpec`.

        Raises:
            HeatError: where it does something else than resize, crop the centre and normalise, or is not known.
        """
        if not self.is_known:
            self.transform(Image.new("RGB", (1, 1)))
        try:
            spec = TransformSpec.from_transform(self.transform)
            rebuilt = spec.build()
            if all(_is_close(_apply(self.transform, image), _apply(rebuilt, image)) for image in _test_images()):
                return spec
            why = "it does something else"
        except (AttributeError, TypeError, ValueError) as error:
            why = first_line(error)
        raise HeatError(
            f"The transform cannot be saved ({why}): build it of Resize, CenterCrop, ToTensor and Normalize."
        )


def _is_close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=0, atol=1e-4)


def _test_images() -> list[Image.Image]:
    """Make images of smooth colours and noise, the same each time."""
    rng, images = np.random.default_rng(0), []
    for width, height in _SHAPES:
        pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        pixels[: height // 2] = np.linspace(0, 255, width)[None, :, None]
        images.append(Image.fromarray(pixels))
    return images


def _apply(transform: Transform, image: Image.Image) -> torch.Tensor:
    try:
        pixels = transform(image)
    except Exception as error:  # code of the caller may raise anything
        raise HeatError(
            f"The transform fails on an image of {image.width}×{image.height} pixels ({first_line(error)}): it must "
            "take a PIL image in RGB and give a (3, H, W) tensor."
        ) from error
    if not isinstance(pixels, torch.Tensor):
        raise HeatError(f"The transform gives a {type(pixels).__name__}: it must give a (3, H, W) tensor.")
    return pixels


def _normalisation(transform: Transform) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Determine mean and std of (pixels - mean) / std from three grey levels; 0 and 1 for other transforms."""
    values = [0.0, 0.2, 1.0]
    images = (Image.new("RGB", (64, 64), (round(255 * value),) * 3) for value in values)
    outputs = [_apply(transform, image) for image in images]
    black, grey, white = (t[:, t.shape[1] // 2, t.shape[2] // 2].double() for t in outputs)
    scale = white - black
    if not bool((scale > 0).all()) or not torch.allclose(grey, black + values[1] * scale, rtol=0, atol=1e-3):
        return (0.0,) * 3, (1.0,) * 3
    return tuple(round(float(m), 5) + 0.0 for m in -black / scale), tuple(round(float(s), 5) for s in 1 / scale)


@dataclass(frozen=True)
class TransformSpec:
    """Steps of a transform, in their order.

    Attributes:
        resize: length in pixels to which the shorter edge is resized, or (H, W); None = no resizing.
        interpolation: torchvision's name of the interpolation.
        crop: (H, W) in pixels of the centre crop; None = no crop.
        mean: per-channel mean of pixels in [0, 1].
        std: per-channel standard deviation of pixels in [0, 1].
    """

    resize: int | tuple[int, int] | None = None
    interpolation: str = "bilinear"
    crop: tuple[int, int] | None = None
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)

    def build(self) -> Transform:
        """Build the transform."""
        mode = transforms.InterpolationMode(self.interpolation)
        return transforms.Compose(
            [
                *([] if self.resize is None else [transforms.Resize(self.resize, mode)]),
                *([] if self.crop is None else [transforms.CenterCrop(self.crop)]),
                transforms.ToTensor(),
                transforms.Normalize(self.mean, self.std),
            ]
        )

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "TransformSpec":
        """Read the steps from a JSON object.

        Raises:
            ValueError: where the object does not describe a transform.
        """
        if unknown := set(values) - {f.name for f in fields(cls)}:
            raise ValueError(f"{sorted(unknown)[0]} is no step of a transform")
        if not {"mean", "std"} <= set(values) or not {"resize", "crop"} & set(values):
            raise ValueError("a transform needs mean, std, and resize or crop")
        steps = dict(values) | {name: tuple(float(v) for v in values[name]) for name in ("mean", "std")}
        for name, parse in (("resize", _side), ("crop", _pair)):
            if values.get(name) is not None:
                steps[name] = parse(values[name])
        if any(len(steps[name]) != 3 for name in ("mean", "std")) or min(steps["std"]) <= 0:
            raise ValueError("mean and std of a transform are three numbers each")
        return cls(**steps)

    @classmethod
    def from_transform(cls, transform: Any) -> "TransformSpec":
        """Read the steps from transforms of torchvision and timm.

        Their order is not checked: the caller must compare the outputs of both transforms.

        Raises:
            ValueError: naming a class that is none of the supported steps.
        """
        values: dict[str, Any] = {}
        for step in _iter_steps(transform):
            class_name = type(step).__name__
            if class_name in _CONVERSIONS:
                continue
            if class_name not in _FIELDS_OF_CLASS:
                raise ValueError(f"{class_name} is not a supported step")
            for name, (attribute, parse) in _FIELDS_OF_CLASS[class_name].items():
                values[name] = parse(getattr(step, attribute))
        return cls(**values)


def _iter_steps(transform: Any) -> Iterator[Any]:
    """Iterate over the single steps of a Compose or Sequential."""
    inner = getattr(transform, "transforms", None)
    if inner is None and isinstance(transform, torch.nn.Sequential):
        inner = list(transform)
    if inner is None:
        yield transform
        return
    for step in inner:
        yield from _iter_steps(step)


def _mode(interpolation: Any) -> str:
    return transforms.InterpolationMode(interpolation).value


def _side(size: Any) -> int | tuple[int, int]:
    """Read a size as Resize does, where one number is the shorter edge."""
    sides = [size] if isinstance(size, int) else [int(side) for side in size]
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def _pair(size: Any) -> tuple[int, int]:
    """Read a size as CenterCrop does, where one number is the side of a square."""
    side = _side(size)
    return (side, side) if isinstance(side, int) else side


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


# Classes of torchvision and timm that change only the type of an image.
_CONVERSIONS = frozenset(
    ("ToTensor", "MaybeToTensor", "PILToTensor", "MaybePILToTensor", "ConvertImageDtype", "ToImage", "ToDtype")
)
# Class of torchvision or timm → field of a TransformSpec → (attribute of the class, function that reads it).
_FIELDS_OF_CLASS: dict[str, dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "Resize": {"resize": ("size", _side), "interpolation": ("interpolation", _mode)},
    "CenterCrop": {"crop": ("size", _pair)},
    "Normalize": {"mean": ("mean", _floats), "std": ("std", _floats)},
    "ImageClassification": {  # the transform of torchvision's weights
        "resize": ("resize_size", _side),
        "crop": ("crop_size", _pair),
        "interpolation": ("interpolation", _mode),
        "mean": ("mean", _floats),
        "std": ("std", _floats),
    },
}
