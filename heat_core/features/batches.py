"""Features of images, computed batch by batch in memory.

An image that cannot be read or prepared is replaced by a black one, so that the batch keeps its shape, and is reported
as unreadable.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypedDict

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, Subset

from heat_core.backbones.registry import Backbone
from heat_core.backbones.transforms import Transform
from heat_core.data.image_set import ImageSet
from heat_core.errors import HeatError
from heat_core.features.columns import Batch, Column, pooled_columns
from heat_core.features.features import Features
from heat_core.features.preparation import try_to_prepare

_MAX_RANGES = 16  # pixels that reach so many times as far as those of the transform are of another kind, such as 0…255


class ExtractionProgress(TypedDict):
    """Progress of an extraction.

    Attributes:
        done: images so far.
        total: all images.
        images_per_s: images per second.
        eta: seconds left.
    """

    done: int
    total: int
    images_per_s: float
    eta: float


def progress_record(done: int, total: int, start_time: float, start: int = 0) -> ExtractionProgress:
    """Compute the progress of an extraction.

    Args:
        done: images so far.
        total: all images.
        start_time: `time.monotonic()` at the beginning, in seconds.
        start: index of the first image, which is above 0 where the extraction was resumed.
    """
    rate = (done - start) / max(time.monotonic() - start_time, 1e-9)
    return {"done": done, "total": total, "images_per_s": rate, "eta": (total - done) / rate}


def auto_device() -> torch.device:
    """Choose cuda where it is available, else mps, else cpu."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def default_batch_size(device: torch.device) -> int:
    """Return the number of images per batch for a device."""
    return 256 if device.type == "cuda" else 64


def default_workers(device: torch.device, cores: int) -> int:
    """Return the number of processes that decode images.

    With a GPU, up to 12 cores decode; without one, decoding takes place in the main process, since the network uses all
    cores.
    """
    return min(cores, 12) if device.type == "cuda" else 0


def iter_batches(
    backbone: Backbone,
    images: ImageSet,
    device: torch.device,
    batch_size: int,
    workers: int,
    columns: Sequence[Column],
    start: int = 0,
) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
    """Iterate over the columns of each batch, from image `start` on.

    Yields:
        name → (B, width) float32, and (B,) bool that is True for images that could be read; the rows of other images
            have no meaning.
    """
    uses_cuda = device.type == "cuda"
    loader = DataLoader(
        Subset(_DecodedImages(images, backbone.transform), range(start, len(images))),
        batch_size=batch_size,
        num_workers=workers,
        pin_memory=uses_cuda,
    )
    network = _moved(backbone, device)
    for pixels, readable in loader:
        yield _compute_columns(network, pixels, columns), readable.numpy()


def extract_batches(
    backbone: Backbone, batches: Iterable[torch.Tensor], device: torch.device | None = None
) -> dict[str, np.ndarray]:
    """Compute the pooled columns of batches of pixels, by the same operations as those of images.

    Args:
        backbone: the network.
        batches: at least one batch (B, C, H, W) of floating-point pixels of any precision, on any device.
        device: device of the network; default: `auto_device()`.

    Returns:
        name → (N, width) float32.
    """
    network = _moved(backbone, device or auto_device())
    columns: dict[str, list[np.ndarray]] = {}
    for pixels in batches:
        for name, values in _compute_columns(network, pixels.detach(), pooled_columns(backbone)).items():
            columns.setdefault(name, []).append(values)
    return {name: np.concatenate(parts) for name, parts in columns.items()}


def _moved(backbone: Backbone, device: torch.device) -> Backbone:
    return backbone.to(device).to(memory_format=torch.channels_last)


def _compute_columns(network: Backbone, pixels: torch.Tensor, columns: Sequence[Column]) -> dict[str, np.ndarray]:
    """Compute the columns of one batch: name → (B, width) float32."""
    pixels = pixels.to(network.device, torch.float32, non_blocking=True, memory_format=torch.channels_last)
    stages, gradients, kind = any(c.stages for c in columns), any(c.gradients for c in columns), pixels.device.type
    batch = Batch(network, pixels, stages, gradients)
    # bfloat16 has the range of float32; float16 overflows in the activations of large ViTs.
    with torch.inference_mode(not gradients), torch.autocast(kind, torch.bfloat16, enabled=kind == "cuda"):
        return {c.name: c.compute(batch).detach().float().cpu().numpy() for c in columns}


def extract_in_memory(
    backbone: Backbone,
    images: ImageSet,
    batch_size: int | None = None,
    workers: int | None = None,
    on_progress: Callable[[ExtractionProgress], None] = lambda _: None,
) -> tuple[Features | None, np.ndarray]:
    """Extract features in memory.

    Args:
        backbone: the network.
        images: the images.
        batch_size: images per batch; default: `default_batch_size`.
        workers: processes that decode images; default: `default_workers`.
        on_progress: receives a record after every batch.

    Returns:
        Features of the images that could be read (None where none could), and (N,) bool that is True for these.
    """
    device, start_time, done = auto_device(), time.monotonic(), 0
    batch_size = batch_size or default_batch_size(device)
    workers = default_workers(device, os.cpu_count() or 1) if workers is None else workers
    columns: dict[str, list[np.ndarray]] = {}
    readable_batches: list[np.ndarray] = []
    for batch, readable in iter_batches(backbone, images, device, batch_size, workers, pooled_columns(backbone)):
        readable_batches.append(readable)
        for name, values in batch.items():
            columns.setdefault(name, []).append(values[readable])
        done += len(readable)
        on_progress(progress_record(done, len(images), start_time))
    is_readable = np.concatenate(readable_batches)
    ids = [images.ids[i] for i in np.flatnonzero(is_readable)]
    return (_join(columns, ids) if ids else None), is_readable


def join_encoders(extracted: Sequence[tuple[Features | None, np.ndarray]]) -> tuple[Features | None, np.ndarray]:
    """Join what `extract_in_memory` gave of the same images for one encoder, or for two.

    Args:
        extracted: result of the network, and of the second encoder if there is one.

    Returns:
        Features of the images that every encoder could read (None where none could), and (N,) bool that is True for
        these.
    """
    if len(extracted) == 1:
        return extracted[0]
    readable = np.logical_and.reduce([of_encoder for _, of_encoder in extracted])
    if not readable.any():
        return None, readable
    common = [f.subset(np.flatnonzero(readable[of_encoder])) for f, of_encoder in extracted if f is not None]
    return common[0].with_second_encoder(common[1]), readable


def extract_pixels(backbone: Backbone, pixels: torch.Tensor, batch_size: int | None = None) -> Features:
    """Extract features of (N, 3, H, W) pixels in the form that the backbone's transform gives.

    Args:
        backbone: the network.
        pixels: floating-point numbers of any precision, on any device.
        batch_size: images per batch; default: `default_batch_size`.

    Raises:
        HeatError: where the pixels have another shape or size, are not floating-point numbers, or lie far from the
            range that the transform gives.
    """
    pixels = pixels.detach()
    _require_pixels(backbone, pixels)
    columns = extract_batches(backbone, pixels.split(batch_size or default_batch_size(auto_device())))
    return Features(columns["avg"], columns.get("std"), None, [f"image {i}" for i in range(len(pixels))])


def _require_pixels(backbone: Backbone, pixels: torch.Tensor) -> None:
    is_dense = pixels.layout == torch.strided and not pixels.is_meta
    if pixels.shape[1:] != backbone.input_shape or not len(pixels) or not pixels.is_floating_point() or not is_dense:
        kind = str(pixels.dtype) if is_dense else f"{pixels.dtype} {pixels.layout} {pixels.device}"
        raise HeatError(
            f"images must be a float tensor (N, {', '.join(map(str, backbone.input_shape))}) of what the backbone's "
            f"transform gives, not {kind} {tuple(pixels.shape)}."
        )
    require_pixel_range(backbone, pixels)


def require_pixel_range(backbone: Backbone, pixels: torch.Tensor) -> None:
    """Refuse pixels far from the range that the backbone's transform gives, such as 0…255; without a transform, none.

    Raises:
        HeatError: with both ranges.
    """
    info = backbone.transform_info
    if not info.is_known:
        return
    black, white = ((value - np.array(info.mean)) / np.array(info.std) for value in (0.0, 1.0))
    low, high = float(pixels.min()), float(pixels.max())
    middle, half = (black.min() + white.max()) / 2, (white.max() - black.min()) / 2
    if max(abs(low - middle), abs(high - middle)) > _MAX_RANGES * half:
        raise HeatError(
            f"images has numbers from {low:g} to {high:g}, and the backbone's transform gives {black.min():.3g} to "
            f"{white.max():.3g}: divide pixels by 255, subtract {info.mean} and divide by {info.std}."
        )


def _join(columns: dict[str, list[np.ndarray]], ids: list[str]) -> Features:
    """Concatenate the columns of batches to Features."""
    arrays = {name: np.concatenate(batches) for name, batches in columns.items()}
    return Features(arrays["avg"], arrays.get("std"), None, ids)


class _DecodedImages(Dataset[tuple[torch.Tensor, bool]]):
    """Dataset of (pixels, readable) by index, with black pixels where an image cannot be read."""

    def __init__(self, images: ImageSet, transform: Transform) -> None:
        self.images, self.transform = images, transform
        self.black = transform(Image.new("RGB", (32, 32)))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, bool]:
        pixels = try_to_prepare(self.transform, self.images, index)
        return (self.black, False) if pixels is None or pixels.shape != self.black.shape else (pixels, True)
