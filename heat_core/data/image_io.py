"""Reading of an image file, or a box of it, with Pillow: upright, in RGB, 8 bits per channel for any depth."""

import struct
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, ImageOps

#: Version of the reader. It must rise when the same file gives other pixels; older features are then extracted again.
READER = 3
# Formats of Pillow that are no raster images, or for which it starts another program (Ghostscript for EPS).
_NOT_READ = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PDF", "WMF"}
# Pillow raises these for files that are damaged, cut off, malicious or of an unknown format.
_UNREADABLE = (
    *(OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, AttributeError, OverflowError, EOFError),
    *(MemoryError, NotImplementedError, RuntimeError, struct.error, zlib.error, Image.DecompressionBombError),
)
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
_STACKS = ("TIFF", "GIF", "PNG", "WEBP")  # formats whose files may hold several pictures of equal standing
# Ending of image files that are not read → what a person can do about it.
_REMEDIES = (
    dict.fromkeys((".heic", ".heif", ".hif"), "install pillow-heif")
    | dict.fromkeys((".avif",), "install a newer Pillow")
    | dict.fromkeys((".jxl",), "install pillow-jxl-plugin, or convert them to PNG")
    | dict.fromkeys((".dcm", ".dicom", ".nii", ".exr", ".hdr", ".svg", ".eps", ".pdf", ".psb"), "convert them to PNG")
    | dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2", ".raw"), "develop them to JPEG")
)


@cache
def formats() -> tuple[str, ...]:
    """Return the names of the formats that are read: Pillow's, and HEIF if pillow-heif is installed."""
    try:
        from pillow_heif import register_heif_opener  # type: ignore[import-not-found]

        register_heif_opener()
    except ImportError:
        pass
    Image.init()
    return tuple(sorted(set(Image.OPEN) - _NOT_READ))


@cache
def suffixes() -> frozenset[str]:
    """Return the endings of image files, in lower case and with the dot."""
    known = set(formats())
    return frozenset(end for end, kind in Image.registered_extensions().items() if kind in known)


@contextmanager
def _open_image(path: Path) -> Iterator[ImageFile.ImageFile]:
    """Open a file with Pillow; only its header is read.

    Pillow gets the open file, not its name: it would map uncompressed TIFFs into memory, and give those with a rotation
    the wrong shape (Pillow 13).
    """
    with open(path, "rb") as file, Image.open(file, formats=formats()) as image:
        yield image


def read_image(path: Path) -> Image.Image:
    """Read an image file in RGB, upright (EXIF orientation); deeper values are scaled to 8 bits (see `to_eight_bits`).

    Raises:
        OSError: if the file cannot be read, for whatever reason.
    """
    try:
        with _open_image(path) as image:
            if image.mode.startswith(("I", "F")):
                return Image.fromarray(_deep_grey(image)).convert("RGB")
            lower = _LOWER_BYTES.get(_raw_mode(image))
            picture = ImageOps.exif_transpose(image).convert("RGB")
        return _add_lower_bytes(path, picture, *lower) if lower else picture
    except _UNREADABLE as error:
        raise OSError(f"{path} cannot be read as an image ({type(error).__name__})") from error


def read_crop(path: Path, box: np.ndarray) -> Image.Image:
    """Read the crop of an image file that a box describes.

    Args:
        path: path of the image file.
        box: (4,) x, y, w, h in pixels of the upright image. Edges are rounded to pixels and clipped to the image; the
            crop has at least one pixel.

    Raises:
        OSError: if the file cannot be read, or if the box lies outside of the image.
    """
    try:
        changed = path.stat().st_mtime_ns
    except ValueError as error:  # no file can have such a name
        raise OSError(f"{path} cannot be read as an image ({error})") from error
    image = _read_last_image(path, changed)
    left, right = _pixel_range(box[0], box[2], image.width)
    top, bottom = _pixel_range(box[1], box[3], image.height)
    if left >= right or top >= bottom:
        raise OSError(f"The box {box.tolist()} lies outside of {path}, of {image.width} by {image.height} pixels")
    return image.crop((left, top, right, bottom))


def _pixel_range(start: float, length: float, size: int) -> tuple[int, int]:
    """Return the first pixel and the one after the last, both in [0, size]."""
    first, end = (round(min(max(float(edge), -1.0), size + 1.0)) for edge in (start, start + length))
    return max(first, 0), min(max(end, first + 1), size)


@lru_cache(maxsize=1)
def _read_last_image(path: Path, changed: int) -> Image.Image:  # noqa: ARG001 (part of the cache's key)
    """Read an image, and keep it for the next call: the crops of one image usually follow one another."""
    return read_image(path)


def _deep_grey(image: Image.Image) -> np.ndarray:
    """Convert a grey image of more than 8 bits to (H, W) uint8.

    Two TIFF tags that Pillow ignores are respected: unsigned 32-bit values, and white as zero.
    """
    tags = getattr(image, "tag_v2", {})
    unsigned = tags.get(_BITS) == (32,) and tags.get(_SAMPLES, (1,)) == (1,)
    white_is_zero = tags.get(_PHOTOMETRY) == 0
    values = np.asarray(ImageOps.exif_transpose(image))
    grey = to_eight_bits(values.view(np.uint32) if unsigned and values.dtype == np.int32 else values)
    return 255 - grey if white_is_zero else grey


def _add_lower_bytes(path: Path, upper: Image.Image, raw_mode: str, channels: list[int]) -> Image.Image:
    """Scale 16-bit colour to 8 bits by its range; the upper bytes are the result if the range needs all 16 bits."""
    high = np.asarray(upper)
    if high.max(initial=0) >= 2 ** (_DEPTHS[-2] - 8):
        return upper
    with _open_image(path) as image:
        image.tile = [tile._replace(args=_replace_raw_mode(tile.args, raw_mode)) for tile in image.tile]
        low = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))[..., channels]
    return Image.fromarray(to_eight_bits(high.astype(np.uint16) * 256 + low))


def _raw_mode(image: ImageFile.ImageFile) -> str:
    """Return Pillow's raw mode, which names the layout of the values in the file; "" if there is none."""
    args = image.tile[0].args if image.tile else ""
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


@dataclass(frozen=True)
class ImageHeader:
    """Header of an image file, which is known before its pixels are read.

    Attributes:
        depth: "grey" or "colour" for an image of more than 8 bits per channel, else "".
        pictures: number of pictures in the file, of which the first is read.
    """

    depth: str
    pictures: int


def read_header(path: Path) -> ImageHeader:
    """Read the header of an image file; a file that cannot be read gives depth "" and one picture."""
    try:
        with _open_image(path) as image:
            grey, colour = image.mode.startswith(("I", "F")), _raw_mode(image) in _LOWER_BYTES
            several = getattr(image, "n_frames", 1) if image.format in _STACKS else 1
            return ImageHeader("grey" if grey else "colour" if colour else "", int(several))
    except _UNREADABLE:
        return ImageHeader("", 1)


def describe_unread_files(names: Iterable[str]) -> str:
    """Describe files that are not read: a sentence with their endings and remedies; "" if there are none."""
    endings: dict[str, int] = {}
    for name in names:
        end = Path(name).suffix or "without an ending"
        endings[end] = endings.get(end, 0) + 1
    if not endings:
        return ""
    kinds = ", ".join(f"{count} {end}" for end, count in sorted(endings.items(), key=lambda item: -item[1])[:6])
    remedies = list(dict.fromkeys(_REMEDIES[end.lower()] for end in endings if end.lower() in _REMEDIES))
    total = sum(endings.values())
    files = "1 file is" if total == 1 else f"{total:,} files are"
    return f"{files} left out ({kinds})" + (f": {'; '.join(remedies)}" if remedies else "")
