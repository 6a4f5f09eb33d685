"""Preparation of one image for a network."""

import numpy as np
import torch
from PIL import Image

from heat_core.backbones.transforms import Transform
from heat_core.data.image_set import ImageSet
from heat_core.errors import Cancelled

# An image whose sides are further apart is cropped before it is resized: its middle is all that a network sees of it,
# and resizing the whole of it can need gigabytes.
MAX_SIDES = 256


def prepare(transform: Transform, image: Image.Image) -> torch.Tensor:
    """Apply the transform of a network to an image in RGB; of a long strip, to its middle if it keeps no more.

    Returns:
        The (3, H, W) pixels.
    """
    is_strip = max(image.size) > MAX_SIDES * min(image.size)
    return transform(_middle(image) if is_strip and _keeps_the_middle(transform) else image)


def try_to_prepare(transform: Transform, images: ImageSet, index: int) -> torch.Tensor | None:
    """Open and prepare an image of a set; None if it cannot be read, or if the transform fails or lacks memory."""
    try:
        return prepare(transform, images.open(index))
    except Cancelled:
        raise
    except Exception:  # code of the caller, of Pillow and of torch may raise anything
        return None


def _middle(image: Image.Image) -> Image.Image:
    """Cut a strip at both ends, by the same even number of pixels, so that its centre stays where it is."""
    short = min(image.size)
    left, top = ((side - MAX_SIDES * short) // 2 if side > short else 0 for side in image.size)
    return image.crop((left, top, image.width - left, image.height - top))


def _keeps_the_middle(transform: Transform) -> bool:
    """Tell whether a transform keeps of a strip only its middle, as one that crops the centre does."""
    pixels = np.random.default_rng(0).integers(0, 256, (16, 256, 3), dtype=np.uint8)
    other = pixels.copy()
    other[:, :64] = other[:, -64:] = 0
    for strip, changed in ((pixels, other), (pixels.swapaxes(0, 1), other.swapaxes(0, 1))):
        if not torch.equal(transform(Image.fromarray(strip)), transform(Image.fromarray(changed))):
            return False
    return True
