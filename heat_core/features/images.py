"""One image file: what Pillow can read here, upright, in RGB, whatever depth its grey has; and what cannot be read."""

import struct
import zlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

#: Raise it when the same file would come out as other pixels: features that were made before are then made again.
READER = 2
# Not raster images (or read by starting another program: Ghostscript for EPS), though Pillow knows their endings.
_NOT_READ = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PDF", "WMF"}
# What Pillow raises for files that are damaged, cut off, hostile or none of its formats.
_UNREADABLE = (
    OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, AttributeError, OverflowError, EOFError,
    MemoryError, NotImplementedError, RuntimeError, struct.error, zlib.error, Image.DecompressionBombError,
)  # fmt: skip
_DEPTHS = (8, 12, 16)  # bits that grey values are taken to have, by their range
# Endings of pictures that need something that is not here → what would help.
_HELP = (
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


def read_image(path: Path) -> Image.Image:
    """An image file in RGB, upright (EXIF orientation), deep grey scaled to 8 bits (see `eight_bits`).

    Raises:
        OSError: where it cannot be read, whatever is wrong with it.
    """
    try:
        with Image.open(path, formats=formats()) as image:
            if image.mode.startswith(("I", "F")):
                upright = ImageOps.exif_transpose(image)
                return Image.fromarray(eight_bits(np.asarray(upright))).convert("RGB")
            return ImageOps.exif_transpose(image).convert("RGB")
    except _UNREADABLE as error:
        raise OSError(f"{path} cannot be read as an image ({type(error).__name__})") from error


def eight_bits(grey: np.ndarray) -> np.ndarray:
    """Grey values of any depth → uint8, by their range: 8, 12 or 16 bits; 0 … 1 of floats; else from least to greatest.

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


def is_deep(path: Path) -> bool:
    """Whether a file holds grey values of more than 8 bits; only its header is read."""
    try:
        with Image.open(path, formats=formats()) as image:
            return image.mode.startswith(("I", "F"))
    except _UNREADABLE:
        return False


def left_out(names: Iterable[str]) -> str:
    """A sentence about files that are not read, by their endings, with what would help; empty where there are none."""
    endings: dict[str, int] = {}
    for name in names:
        end = Path(name).suffix or "without an ending"
        endings[end] = endings.get(end, 0) + 1
    if not endings:
        return ""
    kinds = ", ".join(f"{count} {end}" for end, count in sorted(endings.items(), key=lambda item: -item[1])[:6])
    help_ = list(dict.fromkeys(_HELP[end.lower()] for end in endings if end.lower() in _HELP))
    total = sum(endings.values())
    files = "1 file is" if total == 1 else f"{total:,} files are"
    return f"{files} left out ({kinds})" + (f": {'; '.join(help_)}" if help_ else "")
