"""Images of more than 8 bits per channel, scaled to 8 bits by the range of their values."""

import sys
from typing import Any

import numpy as np
from PIL import Image, ImageFile, ImageOps

_DEPTHS = (8, 12, 16)  # possible bits per value; the range of the values decides
# Pillow keeps only the upper byte of 16-bit colour. Raw mode of such a file → raw mode that unpacks the lower bytes
# instead, and the channels of that result that are red, green and blue.
_SWAPPED_ORDER = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
_LOWER_BYTES = {
    f"{mode};16{order}": (f"{mode};16{other}", [0, 1, 2])
    for mode in ("RGB", "RGBA", "RGBX")
    for order, other in _SWAPPED_ORDER.items()
} | {"LA;16B": ("RGBA", [1, 1, 1])}
_BITS, _PHOTOMETRY, _SAMPLES = 258, 262, 339  # TIFF: BitsPerSample, PhotometricInterpretation, SampleFormat


def depth_of(image: Image.Image) -> str:
    """Return "grey" or "colour" for an image of more than 8 bits per channel, else "".

    Of colour only the file that Pillow has not decoded yet shows the depth.
    """
    if image.mode.startswith(("I", "F")):
        return "grey"
    return "colour" if _raw_mode(image) in _LOWER_BYTES else ""


def scale_grey(image: Image.Image) -> Image.Image:
    """Convert a grey image of more than 8 bits to one of 8 bits, upright.

    Two TIFF tags that Pillow ignores are respected: unsigned 32-bit values, and white as zero.
    """
    tags = getattr(image, "tag_v2", {})
    unsigned = tags.get(_BITS) == (32,) and tags.get(_SAMPLES, (1,)) == (1,)
    white_is_zero = tags.get(_PHOTOMETRY) == 0
    values = np.asarray(ImageOps.exif_transpose(image))
    grey = to_eight_bits(values.view(np.uint32) if unsigned and values.dtype == np.int32 else values)
    return Image.fromarray(255 - grey if white_is_zero else grey)


def scale_colour(upper: Image.Image, image: ImageFile.ImageFile) -> Image.Image:
    """Scale 16-bit colour to 8 bits by its range.

    Args:
        upper: the upper bytes of the image, in RGB and upright.
        image: the file, opened again and not decoded.

    Returns:
        The scaled image; `upper` itself if the range needs all 16 bits.
    """
    high = np.asarray(upper)
    if high.max(initial=0) >= 2 ** (_DEPTHS[-2] - 8):
        return upper
    lower_mode, channels = _LOWER_BYTES[_raw_mode(image)]
    image.tile = [tile._replace(args=_replace_raw_mode(tile.args, lower_mode)) for tile in image.tile]
    low = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))[..., channels]
    return Image.fromarray(to_eight_bits(high.astype(np.uint16) * 256 + low))


def _raw_mode(image: Image.Image) -> str:
    """Return Pillow's raw mode, which names the layout of the values in the file; "" if there is none."""
    tiles = getattr(image, "tile", ())
    args = tiles[0].args if tiles else ""
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _replace_raw_mode(args: Any, raw_mode: str) -> Any:
    return (raw_mode, *args[1:]) if isinstance(args, tuple) else raw_mode


def to_eight_bits(grey: np.ndarray) -> np.ndarray:
    """Scale values of any depth to uint8, by their range.

    Floats in [0, 1] are multiplied by 255. Other non-negative values are taken to have 8, 12 or 16 bits, the fewest
    that hold their maximum. All others are scaled from their minimum to their maximum. NaN and infinite values become
    black.

    The depth of a whole set cannot be derived from one image. The three depths are far apart, so that a dark image of
    a 12-bit set still counts as 12-bit.
    """
    values = np.asarray(grey, dtype=np.float64)
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    values = np.where(np.isfinite(values), values, min(low, 0.0))
    if grey.dtype.kind == "f" and low >= 0 and high <= 1:
        values = values * 255
    elif low >= 0 and (bits := next((b for b in _DEPTHS if high < 2**b), None)):
        values = np.floor(values / 2 ** (bits - 8))
    else:
        values = (values - low) * (255 / max(high - low, 1e-300))
    return np.clip(np.round(values), 0, 255).astype(np.uint8)
