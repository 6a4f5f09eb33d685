"""Changes of an image that leave its statistics and remove its object: shuffled patches, random phases, noise.

All of them keep the size of the image, and a grey image grey.
"""

from collections.abc import Callable

import numpy as np

_GRID = 8  # patches on a side


def shuffle_patches(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Shuffle the patches of a grid of about 8 × 8; rows and columns that fill no patch stay in place.

    Args:
        pixels: (H, W, 3) uint8.
        rng: source of the order.

    Returns:
        (H, W, 3) uint8 with the same patches in another order.
    """
    height, width = (max(side // _GRID, 1) for side in pixels.shape[:2])
    rows, columns = pixels.shape[0] // height, pixels.shape[1] // width
    whole = pixels[: rows * height, : columns * width]
    patches = whole.reshape(rows, height, columns, width, 3).swapaxes(1, 2).reshape(-1, height, width, 3)
    shuffled = rng.permutation(patches).reshape(rows, columns, height, width, 3).swapaxes(1, 2)
    result = pixels.copy()
    result[: rows * height, : columns * width] = shuffled.reshape(whole.shape)
    return result


def randomise_phases(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Randomise the phases of the Fourier transform; amplitudes, and differences between the channels' phases, stay.

    This is the "random phase noise" of Galerne et al. (IEEE TIP 2011, doi:10.1109/TIP.2010.2052822).

    Args:
        pixels: (H, W, 3) grey values.
        rng: source of the phases.

    Returns:
        (H, W, 3) float64, of which some values may lie outside those of `pixels`.
    """
    factors = _white_spectrum(pixels.shape[:2], rng)
    factors /= np.maximum(np.abs(factors), np.finfo(float).tiny)
    factors[0, 0] = 1  # the mean stays
    return _filter(pixels, lambda spectrum: spectrum * factors)


def noise_of_spectrum(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw Gaussian noise whose power at each distance from frequency 0 is the mean power of the image there.

    It has neither the directions nor the repetitions of the image, which `randomise_phases` keeps.

    Args:
        pixels: (H, W, 3) grey values.
        rng: source of the noise, which is the same for all channels.

    Returns:
        (H, W, 3) float64 with the mean of each channel, of which some values may lie outside those of `pixels`.
    """
    height, width = pixels.shape[:2]
    frequencies = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    ring = np.rint(max(height, width) * frequencies).astype(int)
    ring[0, 0] = ring.max() + 1  # the mean of the image is not part of the ring around it
    counts = np.maximum(np.bincount(ring.ravel()), 1)
    white = _white_spectrum((height, width), rng)

    def draw(spectrum: np.ndarray) -> np.ndarray:
        power = np.bincount(ring.ravel(), (np.abs(spectrum) ** 2).ravel()) / counts
        drawn = np.sqrt(power)[ring] * white
        drawn[0, 0] = spectrum[0, 0]
        return np.asarray(drawn)

    return _filter(pixels, draw)


def to_bytes(values: np.ndarray) -> np.ndarray:
    """Round grey values to uint8; values outside 0 to 255 are clipped."""
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


def _filter(pixels: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Change the Fourier transform of each channel, (H, W // 2 + 1), since that of real values is symmetric."""
    channels = (pixels[..., c].astype(np.float64) for c in range(pixels.shape[2]))
    return np.stack([np.fft.irfft2(change(np.fft.rfft2(c)), c.shape) for c in channels], axis=2)


def _white_spectrum(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw the Fourier transform of white noise, (H, W // 2 + 1), of mean power 1 at each frequency."""
    return np.asarray(np.fft.rfft2(rng.standard_normal(shape)) / np.sqrt(np.prod(shape)))
