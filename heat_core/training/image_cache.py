"""An image set as one array in memory: decoded once, kept in HEAT_HOME, varied in whole batches."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from timm.data import create_transform

from heat_core.data.image_set import ImageSet
from heat_core.digests import digest_of_array
from heat_core.errors import HeatError
from heat_core.names import file_name, printable
from heat_core.progress import RateLimiter
from heat_core.storage import heat_home, read_npz, write_npz

REPORT_EVERY = 10.0  # seconds
_MAX_SHIFT = 1 / 8  # of the side, for the random crop: 4 of 32 pixels


@dataclass(frozen=True)
class PixelArray:
    """Images of one size.

    Attributes:
        values: (N, H, W, 3) uint8.
        labels: (N,) int64.
        class_names: of the labels.
        skipped: ids of images that could not be read, and are not among the N.
    """

    values: np.ndarray
    labels: np.ndarray
    class_names: list[str]
    skipped: list[str]

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def digest(self) -> str:
        """Of pixels and labels."""
        return digest_of_array(self.values) + digest_of_array(self.labels)


def load_pixels(
    images: ImageSet, side: int, say: Callable[[str], None] = lambda _: None, report_every: float = REPORT_EVERY
) -> PixelArray:
    """The images of a set with classes as a backbone of that input size sees them; read once, then from HEAT_HOME.

    Args:
        images: with labels.
        side: H = W; the shorter side of an image is resized to it and the middle cut out, as the backbone will do.
        say: is told how far it is.
        report_every: seconds between two reports.

    Raises:
        HeatError: where no image can be read.
    """
    if images.labels is None:
        raise HeatError(f"The set {images.name!r} has no classes: put its images into one sub-folder a class.")
    cache_file = heat_home() / "pixels" / f"{file_name(images.name)}-{images.fingerprint}-{side}.npz"
    if not cache_file.exists():
        values, readable = _decode_images(images, side, say, report_every)
        write_npz(cache_file, {"values": values, "readable": readable})
    arrays = read_npz(cache_file, "delete it and start again")
    values, readable = arrays["values"], arrays["readable"]
    if not readable.any():
        raise HeatError(f"None of the {len(images)} images of {images.name!r} could be read: check them.")
    skipped = [images.ids[i] for i in np.flatnonzero(~readable)]
    if skipped:
        values = values[readable]
    return PixelArray(values, images.labels[readable].astype(np.int64), images.class_names, skipped)


def read_pixels(
    images: ImageSet, test: ImageSet, side: int, say: Callable[[str], None]
) -> tuple[PixelArray, PixelArray]:
    """Training and test images, the labels of both being numbers of the training classes."""
    train_pixels, test_pixels = (load_pixels(s, side, say) for s in (images, test))
    for pixels, name in ((train_pixels, images.name), (test_pixels, test.name)):
        if pixels.skipped:
            count, first = len(pixels.skipped), printable(pixels.skipped[0])
            say(f"{count:,} images of {name} cannot be read and are left out, {first} first.")
    if empty := [name for c, name in enumerate(train_pixels.class_names) if not (train_pixels.labels == c).any()]:
        raise HeatError(f"No image of the class {printable(empty[0])} can be read: mend them, or remove the class.")
    if unknown := sorted(set(test_pixels.class_names) - set(train_pixels.class_names)):
        raise HeatError(
            f"The test set {test.name!r} has classes that the training set has not ({printable(', '.join(unknown[:3]))}"
            "): give both the same sub-folders."
        )
    indices = np.array([train_pixels.class_names.index(name) for name in test_pixels.class_names], np.int64)
    return train_pixels, replace(test_pixels, labels=indices[test_pixels.labels], class_names=train_pixels.class_names)


def _decode_images(
    images: ImageSet, side: int, say: Callable[[str], None], report_every: float
) -> tuple[np.ndarray, np.ndarray]:
    """(N, H, W, 3) uint8, black where an image cannot be read, and (N,) bool: whether it can."""
    transform = create_transform(
        (3, side, side), is_training=False, normalize=False, crop_pct=1.0, interpolation="bicubic"
    )
    values, readable = np.zeros((len(images), side, side, 3), np.uint8), np.ones(len(images), bool)
    due = RateLimiter(report_every)
    for i in range(len(images)):
        try:
            values[i] = transform(images.open(i)).permute(1, 2, 0).numpy()
        except OSError:
            readable[i] = False
        if due():
            say(f"{i + 1:,} of {len(images):,} images of {images.name} are read.")
    return values, readable


class Augmentation(NamedTuple):
    """A batch by what was drawn for it.

    Attributes:
        rows: (B,) which images.
        shifts: (B, 2) pixels down and to the right.
        flips: (B,) bool, whether left and right change places.
    """

    rows: torch.Tensor
    shifts: torch.Tensor
    flips: torch.Tensor


class ImageBatches:
    """Batches of images on a device, as the network takes them: varied for training, plain for testing.

    Args:
        pixels: the images.
        mean: of red, green and blue between 0 and 1.
        std: their spread.
        device: where they lie.
    """

    def __init__(
        self, pixels: PixelArray, mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
    ) -> None:
        self.values = torch.from_numpy(pixels.values).to(device)
        self.labels = torch.from_numpy(pixels.labels).to(device)
        self._mean = 255 * torch.tensor(mean, device=device)
        self._std = 255 * torch.tensor(std, device=device)

    def per_epoch(self, size: int) -> int:
        """How many batches of that size an epoch has: at least one, be it smaller. What fills none has to wait."""
        return max(len(self.labels) // size, 1)

    def iter_augmentations(self, seed: int, epoch: int, size: int) -> Iterator[Augmentation]:
        """The batches of an epoch, every image at most once; they depend on nothing but the arguments."""
        count, side = len(self.labels), self.values.shape[1]
        max_shift = int(side * _MAX_SHIFT)
        rng = np.random.default_rng([seed, epoch])
        rows = rng.permutation(count)
        shifts = rng.integers(-max_shift, max_shift + 1, (count, 2))
        flips = rng.random(count) < 0.5
        for batch in range(self.per_epoch(size)):
            part = slice(batch * size, (batch + 1) * size)
            yield Augmentation(*(torch.from_numpy(a[part]).to(self.values.device) for a in (rows, shifts, flips)))

    def normalised(self, rows: slice) -> torch.Tensor:
        """(B, 3, H, W) float32, channels last in memory."""
        return self._normalise(self.values[rows])

    def augmented(self, draw: Augmentation) -> torch.Tensor:
        """The same of a draw: each image shifted, its border reflected, and perhaps mirrored.

        The place of every pixel is found first, folded back at the edges, so that the images are read once.
        """
        side = self.values.shape[1]
        steps = torch.arange(side, device=draw.rows.device)
        down = _reflect(steps + draw.shifts[:, :1], side)
        right = _reflect(torch.where(draw.flips[:, None], side - 1 - steps, steps) + draw.shifts[:, 1:], side)
        return self._normalise(self.values[draw.rows[:, None, None], down[:, :, None], right[:, None, :]])

    def _normalise(self, values: torch.Tensor) -> torch.Tensor:
        return values.float().sub_(self._mean).div_(self._std).permute(0, 3, 1, 2)


def _reflect(positions: torch.Tensor, side: int) -> torch.Tensor:
    """Positions outside of 0 … side - 1, reflected at the first and the last."""
    return (side - 1) - ((side - 1) - positions.abs()).abs()


def channel_statistics(values: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and spread of red, green and blue between 0 and 1, of (N, H, W, 3) uint8; a spread of 0 counts as 1."""
    levels = np.arange(256) / 255
    counts = [np.bincount(values[..., c].ravel(), minlength=256) for c in range(3)]
    mean = [float(np.average(levels, weights=n)) for n in counts]
    std = [float(np.average((levels - m) ** 2, weights=n) ** 0.5) for m, n in zip(mean, counts, strict=True)]
    return tuple(round(m, 4) for m in mean), tuple(round(s, 4) or 1.0 for s in std)
