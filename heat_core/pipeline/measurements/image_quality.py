"""Image quality: brightness, contrast, sharpness, size and colour of pictures."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from PIL import Image

from heat_core.data.grey_images import has_equal_channels
from heat_core.pipeline.measurements.measurements_file import QUALITIES

_SIDE = 256  # pixels of the longer side at which brightness, contrast and sharpness are measured
_BATCH = 256  # pictures between two reports


def measure_quality(
    open_image: Callable[[str], Image.Image], ids: Sequence[str], on_batch: Callable[[int], None]
) -> np.ndarray:
    """Measure pictures.

    Args:
        open_image: opens the picture of an id; raises OSError or HeatError where it cannot be read.
        ids: N ids.
        on_batch: receives the number of pictures that were measured so far.

    Returns:
        (N, 6) float32 `QUALITIES`; NaN for a picture that cannot be read.
    """

    def measure(sample: str) -> tuple[float, ...]:
        try:
            return quality_of(open_image(sample))
        except (OSError, ValueError):  # a HeatError is a ValueError
            return (np.nan,) * len(QUALITIES)

    quality = np.full((len(ids), len(QUALITIES)), np.nan, np.float32)
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        for i in range(0, len(ids), _BATCH):
            batch = ids[i : i + _BATCH]
            quality[i : i + len(batch)] = list(pool.map(measure, batch))
            on_batch(i + len(batch))
    return quality


def quality_of(image: Image.Image) -> tuple[float, ...]:
    """Measure a picture in RGB: `QUALITIES`, in their order.

    Brightness and contrast are the mean and the standard deviation of the grey values, from 0 to 1. Sharpness is the
    variance of their Laplacian over the inner pixels, in squared grey levels of 255 (Pech-Pacheco et al., ICPR 2000).
    These three are measured with the longer side reduced to 256 pixels, so that they do not depend on the resolution
    alone. Width and height are in pixels; grey is 1 where the channels are nearly equal, else 0.
    """
    width, height = image.size
    small = image.copy()
    small.thumbnail((_SIDE, _SIDE))
    grey = np.asarray(small.convert("L"), np.float64)
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    sharpness = float(laplacian.var()) if inner.size else 0.0
    is_grey = float(has_equal_channels(small))
    return float(grey.mean()) / 255, float(grey.std()) / 255, sharpness, float(width), float(height), is_grey
