"""One image file, or a box of it: what Pillow can read here, upright, in RGB, of any depth; and what cannot be read."""

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

#: Raise it when the same file would come out as other pixels: features that were made before are then made again.
READER = 3
# Not raster images (or read by starting another program: Ghostscript for EPS), though Pillow knows their endings.
_NOT_READ = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PDF", "WMF"}
# What Pillow raises for files that are damaged, cut off, hostile or none of its formats.
_UNREADABLE = (
    *(OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, AttributeError, OverflowError, EOFError),
    *(MemoryError, NotImplementedError, RuntimeError, struct.error, zlib.error, Image.DecompressionBombError),
)
_DEPTHS = (8, 12, 16)  # bits that values are taken to have, by their range
# Colour of 16 bits, of which Pillow keeps the upper byte: how it unpacks a file → how it unpacks the lower bytes, and
# which of the channels that come are those of red, green and blue.
_SWAPPED_ORDER = {"L": "B", "B": "L", "N": "B" if sys.byteorder == "little" else "L"}
_LOWER_BYTES = {
    f"{mode};16{order}": (f"{mode};16{other}", [0, 1, 2])
    for mode in ("RGB", "RGBA", "RGBX")
    for order, other in _SWAPPED_ORDER.items()
} | {"LA;16B": ("RGBA", [1, 1, 1])}
_BITS, _PHOTOMETRY, _SAMPLES = 258, 262, 339  # TIFF: BitsPerSample, PhotometricInterpretation, SampleFormat
_STACKS = ("TIFF", "GIF", "PNG", "WEBP")  # formats whose files may hold several pictures of equal standing
# Endings of pictures that need something that is not here → what would help.
_CURES = (
    dict.fromkeys((".heic", ".heif", ".hif"), "install pillow-heif")
    | dict.fromkeys((".avif",), "install a newer Pillow")
    | dict.fromkeys((".jxl",), "install pillow-jxl-plugin, or convert them to PNG")
    | dict.fromkeys((".dcm", ".dicom", ".nii", ".exr", ".hdr", ".svg", ".eps", ".pdf", ".psb"), "convert them to PNG")
    | dict.fromkeys((".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf", ".orf", ".rw2", ".raw"), "develop them to JPEG")
)


@cache
def formats() -> tuple[str, ...]:
    """The formats that are read: Pillow's, with HEIF where pillow-heif is installed."""
    try:
        from pillow_heif import register_heif_opener  # type: ignore[import-not-found]

        register_heif_opener()
    except ImportError:
        pass
    Image.init()
    return tuple(sorted(set(Image.OPEN) - _NOT_READ))


@cache
def suffixes() -> frozenset[str]:
    """The endings, in lower case and with their dot, of files that are taken for images."""
    known = set(formats())
    return frozenset(end for end, kind in Image.registered_extensions().items() if kind in known)


@contextmanager
def _open_image(path: Path) -> Iterator[ImageFile.ImageFile]:
    """Pillow's image of a file, nothing but its header read.

    It is given the file, not its name: uncompressed TIFFs of a name are mapped into memory, in the wrong shape where
    they are to be turned (Pillow 13).
    """
    with open(path, "rb") as file, Image.open(file, formats=formats()) as image:
        yield image


def read_image(path: Path) -> Image.Image:
    """An image file in RGB, upright (EXIF orientation), of more than 8 bits scaled to 8 (see `to_eight_bits`).

    Raises:
        OSError: where it cannot be read, whatever is wrong with it.
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
    """What lies in a box (x, y, w, h in pixels of the upright image); beyond the image there is nothing.

    Edges are rounded to pixels, of which one at least is taken.

    Raises:
        OSError: where the file cannot be read, or the box lies outside of the image.
    """
    try:
        changed = path.stat().st_mtime_ns
    except ValueError as error:  # a name that no file can have
        raise OSError(f"{path} cannot be read as an image ({error})") from error
    image = _read_last_image(path, changed)
    left, right = _pixel_range(box[0], box[2], image.width)
    top, bottom = _pixel_range(box[1], box[3], image.height)
    if left >= right or top >= bottom:
        raise OSError(f"The box {box.tolist()} lies outside of {path}, of {image.width} by {image.height} pixels")
    return image.crop((left, top, right, bottom))


def _pixel_range(start: float, length: float, size: int) -> tuple[int, int]:
    """First pixel, and the one behind the last, within 0 … size."""
    first, end = (round(min(max(float(edge), -1.0), size + 1.0)) for edge in (start, start + length))
    return max(first, 0), min(max(end, first + 1), size)


@lru_cache(maxsize=1)
def _read_last_image(path: Path, changed: int) -> Image.Image:  # noqa: ARG001 (of the file: part of the cache's key)
    """The image that was read last: the crops of one follow one another."""
    return read_image(path)


def _deep_grey(image: Image.Image) -> np.ndarray:
    """(H, W) uint8 of grey of more than 8 bits, with what a TIFF says of it and Pillow does not heed: that its 32 bits
    have no sign, and that white is zero."""
    tags = getattr(image, "tag_v2", {})
    unsigned = tags.get(_BITS) == (32,) and tags.get(_SAMPLES, (1,)) == (1,)
    white_is_zero = tags.get(_PHOTOMETRY) == 0
    values = np.asarray(ImageOps.exif_transpose(image))
    grey = to_eight_bits(values.view(np.uint32) if unsigned and values.dtype == np.int32 else values)
    return 255 - grey if white_is_zero else grey


def _add_lower_bytes(path: Path, upper: Image.Image, raw_mode: str, channels: list[int]) -> Image.Image:
    """Colour of 16 bits, scaled to 8 by its range; where that is 16 bits, the upper bytes are it."""
    high = np.asarray(upper)
    if high.max(initial=0) >= 2 ** (_DEPTHS[-2] - 8):
        return upper
    with _open_image(path) as image:
        image.tile = [tile._replace(args=_replace_raw_mode(tile.args, raw_mode)) for tile in image.tile]
        low = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))[..., channels]
    return Image.fromarray(to_eight_bits(high.astype(np.uint16) * 256 + low))


def _raw_mode(image: ImageFile.ImageFile) -> str:
    """Pillow's name for how the values lie in the file (its "raw mode"); empty where there is none."""
    args = image.tile[0].args if image.tile else ""
    first = args[0] if isinstance(args, tuple) and args else args
    return first if isinstance(first, str) else ""


def _replace_raw_mode(args: Any, raw_mode: str) -> Any:
    return (raw_mode, *args[1:]) if isinstance(args, tuple) else raw_mode


def to_eight_bits(grey: np.ndarray) -> np.ndarray:
    """Values of any depth → uint8, by their range: 8, 12 or 16 bits; 0 … 1 of floats; else from least to greatest.

    One rule for a whole set cannot be read off one image; these are coarse, so that a dark image of a 12-bit set is
    still taken for 12 bits. What is no number is black.
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
    """What a file says of itself before its pixels are read.

    Attributes:
        depth: "grey" or "colour" where it has more than 8 bits, else "".
        pictures: how many it holds; the first is read.
    """

    depth: str
    pictures: int


def read_header(path: Path) -> ImageHeader:
    """The header of an image file; of one that cannot be read, nothing to tell."""
    try:
        with _open_image(path) as image:
            grey, colour = image.mode.startswith(("I", "F")), _raw_mode(image) in _LOWER_BYTES
            several = getattr(image, "n_frames", 1) if image.format in _STACKS else 1
            return ImageHeader("grey" if grey else "colour" if colour else "", int(several))
    except _UNREADABLE:
        return ImageHeader("", 1)


def describe_unread_files(names: Iterable[str]) -> str:
    """A sentence about files that are not read, by their endings, with what would help; empty where there are none."""
    endings: dict[str, int] = {}
    for name in names:
        end = Path(name).suffix or "without an ending"
        endings[end] = endings.get(end, 0) + 1
    if not endings:
        return ""
    kinds = ", ".join(f"{count} {end}" for end, count in sorted(endings.items(), key=lambda item: -item[1])[:6])
    cures = list(dict.fromkeys(_CURES[end.lower()] for end in endings if end.lower() in _CURES))
    total = sum(endings.values())
    files = "1 file is" if total == 1 else f"{total:,} files are"
    return f"{files} left out ({kinds})" + (f": {'; '.join(cures)}" if cures else "")
