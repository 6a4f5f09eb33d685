"""Images that a program holds as arrays of pixels."""

from typing import Any

import numpy as np
from PIL import Image

from heat_core.data.pixels.depth import to_eight_bits
from heat_core.errors import HeatError

_CHANNELS = (1, 3, 4)  # grey; red, green, blue; and transparency, which is not read


def is_picture(value: Any) -> bool:
    """Tell whether a value is an array of one picture: neither several pictures (N, H, W, C) nor paths."""
    return isinstance(value, np.ndarray) and value.dtype.kind not in "OUS" and value.ndim < 4


def to_picture(array: np.ndarray) -> Image.Image:
    """Make an image of an array, as the same pixels in a file are read: 16-bit values are scaled by their range.

    Args:
        array: uint8 or uint16, (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): grey, RGB or RGBA.

    Raises:
        HeatError: where it has another type or shape, or more than one axis may be that of the channels.
    """
    shape, is_colour = array.shape, array.ndim == 3
    has_known_axes = array.ndim == 2 or (is_colour and shape[2] in _CHANNELS and shape[0] not in _CHANNELS)
    if array.dtype.kind != "u" or array.dtype.itemsize > 2 or not has_known_axes or not array.size:
        raise HeatError(
            f"images holds an array of {array.dtype} {shape}: an image is uint8 or uint16 of the shape (H, W), "
            "(H, W, 3) or (H, W, 4); pixels that a transform made are a tensor (N, 3, H, W)."
        )
    values = array[..., 0] if is_colour and shape[2] == 1 else array[..., :3] if is_colour else array
    return Image.fromarray(values if values.dtype.itemsize == 1 else to_eight_bits(values))
