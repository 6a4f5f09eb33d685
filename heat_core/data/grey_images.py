"""Whether the images of a set are grey, judged by a few of them that are read at a small size."""

from pathlib import Path

import numpy as np
from PIL import Image

from heat_core.data.image_io import open_image, with_long_texts
from heat_core.data.image_set import ImageSet

GREY, COLOUR = "grey", "colour"
_SAMPLE = 12  # images of a set that are read
_SIDE = 64  # pixels of the side to which JPEG files are reduced while they are decoded
_GREY_MODES = ("1", "L", "LA", "La", "I", "F")  # beginnings of Pillow's modes
_MOST_SPREAD = 2.0  # mean difference of the channels, of 255; JPEG and scanners do not keep them quite equal


def grey_or_colour(images: ImageSet) -> str:
    """Tell whether a set is `GREY` throughout or in `COLOUR` for the most part; "" for anything else."""
    rows = np.unique(np.linspace(0, len(images) - 1, _SAMPLE).astype(int)).tolist() if len(images) else []
    known = [grey for row in rows if (grey := _is_grey(images, row)) is not None]
    if not known:
        return ""
    return GREY if all(known) else COLOUR if sum(known) < len(known) / 2 else ""


def _is_grey(images: ImageSet, row: int) -> bool | None:
    """Tell whether an image, or the file of a crop, is grey; None if it cannot be read."""
    try:
        if not images.files:
            return has_equal_channels(images.open(row))
        return with_long_texts(_is_grey_file, images.files[row])
    except Exception:  # Pillow raises many kinds for damaged files
        return None


def _is_grey_file(file: Path | bytes) -> bool:
    with open_image(file) as image:
        if image.mode.startswith(_GREY_MODES) and image.mode != "LAB":
            return True
        image.draft("RGB", (_SIDE, _SIDE))
        return has_equal_channels(image.convert("RGB"))


def has_equal_channels(image: Image.Image) -> bool:
    """Tell whether the channels of a picture in RGB are nearly equal."""
    return float(np.ptp(np.asarray(image), axis=2).mean()) <= _MOST_SPREAD
