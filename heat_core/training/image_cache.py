"""Image set as one array in memory: decoded once, cached in HEAT_HOME, and augmented in whole batches."""

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
from heat_core.features.preparation import try_to_prepare
from heat_core.names import file_name, printable
from heat_core.progress import RateLimiter
from heat_core.storage import heat_home, read_npz, write_npz

REPORT_EVERY = 10.0  # seconds
_MAX_SHIFT = 1 / 8  # share of the side, such as 4 of 32 pixels


@dataclass(frozen=True)
class PixelArray:
    """Images of one size with their classes.

    Attributes:
        values: (N, H, W, 3) uint8 pixels.
        labels: (N,) int64 class indices.
        class_names: names of the classes by label.
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
        """Digest of pixels and labels."""
        return digest_of_array(self.values) + digest_of_array(self.labels)


def load_pixels(
    images: ImageSet, side: int, report: Callable[[str], None] = lambda _: None, report_every: float = REPORT_EVERY
) -> PixelArray:
    """Load the images of a labelled set at a backbone's input size; they are decoded once, then read from HEAT_HOME.

    Args:
        images: set with labels.
        side: H = W in pixels; the shorter side of an image is resized to it and the centre cropped, as the backbone
            does.
        report: receives sentences about the progress.
        report_every: seconds between two sentences.

    Raises:
        HeatError: where the set has no classes, or no image can be read.
    """
    if images.labels is None:
        raise HeatError(f"The set {images.name!r} has no classes: put its images into one sub-folder a class.")
    cache_file = heat_home() / "pixels" / f"{file_name(images.name)}-{images.fingerprint}-{side}.npz"
    if not cache_file.exists():
        values, readable = _decode_images(images, side, report, report_every)
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
    images: ImageSet, test: ImageSet, side: int, report: Callable[[str], None]
) -> tuple[PixelArray, PixelArray]:
    """Load training and test images; the labels of both are indices of the training classes.

    Raises:
        HeatError: where a training class has no readable image, or the test set has a class that the training set
            lacks.
    """
    train_pixels, test_pixels = (load_pixels(s, side, report) for s in (images, test))
    for pixels, name in ((train_pixels, images.name), (test_pixels, test.name)):
        if pixels.skipped:
            count, first = len(pixels.skipped), printable(pixels.skipped[0])
            report(f"{count:,} images of {name} cannot be read and are left out, {first} first.")
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
    images: ImageSet, side: int, report: Callable[[str], None], report_every: float
) -> tuple[np.ndarray, np.ndarray]:
    """Decode images to (N, H, W, 3) uint8, black where one cannot be read, and (N,) bool: whether it can."""
    transform = create_transform(
        (3, side, side), is_training=False, normalize=False, crop_pct=1.0, interpolation="bicubic"
    )
    values, readable = np.zeros((len(images), side, side, 3), np.uint8), np.ones(len(images), bool)
    due = RateLimiter(report_every)
    for i in range(len(images)):
        pixels = try_to_prepare(transform, images, i)
        readable[i] = pixels is not None
        if pixels is not None:
            values[i] = pixels.permute(1, 2, 0).numpy()
        if due():
            report(f"{i + 1:,} of {len(images):,} images of {images.name} are read.")
    return values, readable


class Augmentation(NamedTuple):
    """Random augmentation that was drawn for a batch.

    Attributes:
        rows: (B,) indices of the images.
        shifts: (B, 2) shifts in pixels, down and to the right.
        flips: (B,) bool, whether an image is mirrored left to right.
    """

    rows: torch.Tensor
    shifts: torch.Tensor
    flips: torch.Tensor


class ImageBatches:
    """Batches of images on a device in the form of the network's input: augmented for training, plain for testing.

    Args:
        pixels: the images.
        mean: means of red, green and blue of pixels in [0, 1].
        std: standard deviations of red, green and blue of pixels in [0, 1].
        device: device of the images.
    """

    def __init__(
        self, pixels: PixelArray, mean: tuple[float, ...], std: tuple[float, ...], device: torch.device
    ) -> None:
        self.values = torch.from_numpy(pixels.values).to(device)
        self.labels = torch.from_numpy(pixels.labels).to(device)
        self._mean = 255 * torch.tensor(mean, device=device)
        self._std = 255 * torch.tensor(std, device=device)

    def per_epoch(self, size: int) -> int:
        """Count the batches of an epoch.

        The last images of an epoch that fill no batch are left out; a set smaller than one batch makes one smaller
        batch.
        """
        return max(len(self.labels) // size, 1)

    def iter_augmentations(self, seed: int, epoch: int, size: int) -> Iterator[Augmentation]:
        """Iterate over the batches of an epoch, with every image at most once; they depend on the arguments alone."""
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
        """Return the normalised images of some rows: (B, 3, H, W) float32, channels last in memory."""
        return self._normalise(self.values[rows])

    def augmented(self, draw: Augmentation) -> torch.Tensor:
        """Return the normalised images of a batch, each shifted with its border reflected, and mirrored where drawn.

        The source position of every pixel is computed first, reflected at the edges, so that the images are read once.
        """
        side = self.values.shape[1]
        steps = torch.arange(side, device=draw.rows.device)
        down = _reflect(steps + draw.shifts[:, :1], side)
        right = _reflect(torch.where(draw.flips[:, None], side - 1 - steps, steps) + draw.shifts[:, 1:], side)
        return self._normalise(self.values[draw.rows[:, None, None], down[:, :, None], right[:, None, :]])

    def _normalise(self, values: torch.Tensor) -> torch.Tensor:
        return values.float().sub_(self._mean).div_(self._std).permute(0, 3, 1, 2)


def _reflect(positions: torch.Tensor, side: int) -> torch.Tensor:
    """Reflect positions outside of 0 … side - 1 at the first and the last position."""
    return (side - 1) - ((side - 1) - positions.abs()).abs()


def channel_statistics(values: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Compute mean and standard deviation of each channel of (N, H, W, 3) uint8 images, scaled to [0, 1].

    A standard deviation of 0 is replaced by 1.
    """
    levels = np.arange(256) / 255
    counts = [np.bincount(values[..., c].ravel(), minlength=256) for c in range(3)]
    mean = [float(np.average(levels, weights=n)) for n in counts]
    std = [float(np.average((levels - m) ** 2, weights=n) ** 0.5) for m, n in zip(mean, counts, strict=True)]
    return tuple(round(m, 4) for m in mean), tuple(round(s, 4) or 1.0 for s in std)
