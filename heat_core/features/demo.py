"""The embedded demo: image sets made from what scikit-learn ships, so that nothing is downloaded.

The classifier knows the handwritten digits 0 to 5. What it should not know: the digits 6 to 9 (near), its own digits
with their quarters swapped (between: right ink, wrong places), and patches of photographs (far).
"""

from functools import cache

import numpy as np

SETS = ("demo-digits", "demo-unseen-digits", "demo-swapped-digits", "demo-photo-patches")
KNOWN_DIGITS = 6
_SIDE = 32  # pixels; scikit-learn's digits have 8


def load(name: str, role: str) -> tuple[np.ndarray, np.ndarray | None, list[str], list[str]]:
    """(pixels (N, 32, 32) or (N, 32, 32, 3) uint8, labels (N,) or None, class names, ids) of one demo set."""
    if name == "demo-photo-patches":
        pixels, ids = _photo_patches()
        return pixels, None, [], ids
    pixels, digit = _digits()
    index = np.arange(len(digit))
    # Every third known digit is for testing, so that both splits see every writer.
    if name == "demo-digits":
        keep = (digit < KNOWN_DIGITS) & ((index % 3 == 2) == (role == "test"))
        names = [str(d) for d in range(KNOWN_DIGITS)]
        return pixels[keep], digit[keep], names, [f"digit/{i:04d}" for i in index[keep]]
    if name == "demo-unseen-digits":
        keep = digit >= KNOWN_DIGITS
        names = [str(d) for d in range(KNOWN_DIGITS, 10)]
        return pixels[keep], digit[keep] - KNOWN_DIGITS, names, [f"digit/{i:04d}" for i in index[keep]]
    keep = (digit < KNOWN_DIGITS) & (index % 3 == 2)
    return _swap_quarters(pixels[keep]), None, [], [f"swapped/{i:04d}" for i in index[keep]]


@cache
def _digits() -> tuple[np.ndarray, np.ndarray]:
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = (digits.images * (255 / 16)).astype(np.uint8)
    large = [np.asarray(Image.fromarray(d).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)) for d in small]
    return np.stack(large), digits.target


def _swap_quarters(pixels: np.ndarray) -> np.ndarray:
    """Exchange the quarters of each image across the diagonals."""
    return np.roll(pixels, (_SIDE // 2, _SIDE // 2), axis=(1, 2))


@cache
def _photo_patches(stride: int = 40, size: int = 64) -> tuple[np.ndarray, list[str]]:
    from PIL import Image
    from sklearn.datasets import load_sample_images

    patches, ids = [], []
    for photo, image in zip(("china", "flower"), load_sample_images().images, strict=True):
        for top in range(0, image.shape[0] - size + 1, stride):
            for left in range(0, image.shape[1] - size + 1, stride):
                patch = Image.fromarray(image[top : top + size, left : left + size])
                patches.append(np.asarray(patch.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)))
                ids.append(f"{photo}/{top:03d}-{left:03d}")
    return np.stack(patches), ids
