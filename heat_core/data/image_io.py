"""Reading of an image file, or a box of it, with Pillow: upright, in RGB, 8 bits per channel for any depth."""

import io
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import IO, Any, TypeAlias, TypeVar

import numpy as np
from PIL import Image, ImageFile, ImageOps

from heat_core.data.containers.members import modified_ns, open_file
from heat_core.data.pixels.arrays import to_picture
from heat_core.data.pixels.depth import depth_of, scale_colour, scale_grey
from heat_core.data.pixels.png_texts import SIGNATURE, without_texts
from heat_core.errors import HeatError
from heat_core.storage import expand_home

T = TypeVar("T")
ImageInput: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | np.ndarray
ImageSource: TypeAlias = Path | bytes | Image.Image  # can be read repeatedly, and in other processes

#: Version of the reader. It must rise when the same file gives other pixels; older features are then extracted again.
READER = 3
# Formats of Pillow that are no raster images, or for which it starts another program (Ghostscript for EPS).
_NOT_READ = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PDF", "WMF"}
_ORIENTATION, _TURNED = 0x0112, range(5, 9)  # EXIF: values with which width and height are exchanged
# Pillow raises these for files that are damaged, cut off, malicious or of an unknown format.
_UNREADABLE = (
    *(OSError, ValueError, SyntaxError, TypeError, KeyError, IndexError, AttributeError, OverflowError, EOFError),
    *(MemoryError, NotImplementedError, RuntimeError, struct.error, zlib.error, Image.DecompressionBombError),
    AssertionError,  # of an image that was closed
)
_PREMULTIPLIED = {"RGBa": "RGBA", "La": "LA"}  # modes that Pillow converts to RGB by way of another
_DEEP_COLOUR_FORMATS = ("PNG", "TIFF")  # formats with 16-bit colour
_STACKS = ("TIFF", "GIF", "PNG", "WEBP")  # formats whose files may hold several pictures of equal standing
# Ending of image files that are not read → what a person can do about it.
_REMEDIES = (
    dict.fromkeys((".heic", ".heif", ".hif"), "install pillow-heif")
    | dict.fromkeys((".avif",), "install a newer Pillow")
    | dict.fromkeys((".jxl",), "install pillow-jxl-plugin, or convert them to PNG")
    | dict.fromkeys((".dcm", ".dicom", ".nii", ".exr", ".hdr", ".svg", ".eps", ".pdf", ".psb"), "convert them to PNG")
    | dict.fromkeys((".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"), "unpack archives within")
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
def open_image(file: Path | bytes) -> Iterator[ImageFile.ImageFile]:
    """Open a file, or its content, with Pillow; only its header is read.

    Pillow gets the open file, not its name: it would map uncompressed TIFFs into memory, and give those with a rotation
    the wrong shape (Pillow 13).
    """
    opened = io.BytesIO(file) if isinstance(file, bytes) else open_file(file)
    with opened, Image.open(opened, formats=formats()) as image:
        yield image


def read_upright_size(file: Path | bytes) -> tuple[int, int] | None:
    """Read width and height of the upright image from the header of a file, or of its content; None if unreadable."""
    try:
        return with_long_texts(_upright_size, file)
    except _UNREADABLE:
        return None


def _upright_size(file: Path | bytes) -> tuple[int, int]:
    with open_image(file) as image:
        is_turned = image.getexif().get(_ORIENTATION, 1) in _TURNED
        return (image.height, image.width) if is_turned else image.size


def read_image(source: ImageSource) -> Image.Image:
    """Read an image in RGB, upright (EXIF orientation); deeper values are scaled to 8 bits (see `to_eight_bits`).

    The pixels do not depend on what holds the image.

    Args:
        source: path of a file, its content, or an image of Pillow, which is not changed (see `to_source`).

    Raises:
        OSError: if the image cannot be read, for whatever reason.
    """
    try:
        if isinstance(source, Image.Image):
            file = _file_of(source)
            return _prepare(source) if file is None else _read_file(file)
        return _read_file(source)
    except _UNREADABLE as error:
        title = source if isinstance(source, Path) else "the picture" if isinstance(source, Image.Image) else "the file"
        raise OSError(f"{title} cannot be read as an image ({type(error).__name__})") from error


def _read_file(file: Path | bytes) -> Image.Image:
    return with_long_texts(_read_pixels, file)


def _read_pixels(file: Path | bytes) -> Image.Image:
    with open_image(file) as image:
        depth, picture = depth_of(image), _prepare(image)
    if depth != "colour":
        return picture
    with open_image(file) as image:
        return scale_colour(picture, image)


def _prepare(image: Image.Image) -> Image.Image:
    """Convert an image of Pillow to RGB, upright and with 8 bits per channel."""
    if depth_of(image) == "grey":
        return scale_grey(image).convert("RGB")
    upright = ImageOps.exif_transpose(image)
    if upright.mode in _PREMULTIPLIED:
        upright = upright.convert(_PREMULTIPLIED[upright.mode])
    return upright.convert("RGB")


def with_long_texts(read: Callable[[Path | bytes], T], file: Path | bytes) -> T:
    """Read a file, and a PNG file that Pillow refuses because of long texts or a large profile without these."""
    try:
        return read(file)
    except ValueError:
        with open_file(file) if isinstance(file, Path) else io.BytesIO(file) as opened:
            content = opened.read()
        if not content.startswith(SIGNATURE):
            raise
    try:
        return read(without_texts(content, keep_orientation=True))
    except ValueError:
        return read(without_texts(content, keep_orientation=False))


def to_source(picture: ImageInput) -> ImageSource:
    """Return an image in a form that can be read repeatedly, and in other processes.

    Args:
        picture: path, content of a file, file that is open in binary mode, image of Pillow, or array of pixels (see
            `arrays.to_picture`).

    Raises:
        HeatError: if it is none of these.
    """
    if isinstance(picture, str | os.PathLike):
        return expand_home(picture)
    if isinstance(picture, bytes | bytearray | memoryview):
        return bytes(picture)
    if isinstance(picture, Image.Image):
        return _file_of(picture) or picture
    if isinstance(picture, np.ndarray):
        return to_picture(picture)
    if not hasattr(picture, "read"):
        raise HeatError(
            f"images holds a {type(picture).__name__}: an image is a path, the bytes of a file, an open file, a PIL "
            "image or an array of uint8 (H, W, 3)."
        )
    content = _content_of(picture)
    if not isinstance(content, bytes):
        raise HeatError("images holds a file that is open as text: open it in binary mode, with 'rb'.")
    return content


def _content_of(file: IO[Any]) -> Any:
    """Read an open file from its beginning, and return to where it was; b"" if that is not possible."""
    try:
        if not file.seekable():
            return file.read()
        position = file.tell()
        file.seek(0)
        content = file.read()
        file.seek(position)
        return content
    except (OSError, ValueError):  # ValueError: the file is closed, or open as text and no text
        return "" if isinstance(file, io.TextIOBase) else b""


def _file_of(image: Image.Image) -> Path | bytes | None:
    """Return the file of an image that Pillow has opened, or its content; None if the image may have been changed.

    Pillow keeps of 16-bit colour the upper bytes alone, so that the file holds more than the image. Of an image that
    was decoded the file is taken only if it has that depth, and still holds the same pixels.
    """
    if not isinstance(image, ImageFile.ImageFile):
        return None
    is_decoded = not image.tile
    try:
        file = (
            (image.filename and Path(os.fsdecode(image.filename))) if is_decoded else image.fp and _content_of(image.fp)
        )
        if not file or image.tell() or (is_decoded and image.format not in _DEEP_COLOUR_FORMATS):
            return None
        with open_image(file) as again:
            is_same = (again.format, again.size, again.mode) == (image.format, image.size, image.mode)
            if is_same and is_decoded:
                is_same = depth_of(again) == "colour" and again.tobytes() == image.tobytes()
            return file if is_same else None
    except _UNREADABLE:  # AttributeError: an image that was unpickled has no number of its picture
        return None


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
        changed = modified_ns(path)
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
        return with_long_texts(_read_header, path)
    except _UNREADABLE:
        return ImageHeader("", 1)


def _read_header(file: Path | bytes) -> ImageHeader:
    with open_image(file) as image:
        several = getattr(image, "n_frames", 1) if image.format in _STACKS else 1
        return ImageHeader(depth_of(image), int(several))


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
