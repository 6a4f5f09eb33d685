"""Backbone × dataset → Features on disk: batched, resumable after a kill, with progress.

Batches are cut once and for all, so that a resumed extraction sees the same batches and writes the same bytes.
An image that cannot be read travels as a black one (the batch keeps its shape) and is dropped at the end.
"""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Subset

from heat_core.backbones import Backbone
from heat_core.datasets import ImageSet
from heat_core.errors import HeatError
from heat_core.features import Features
from heat_core.storage import file_name, heat_home, read_json, replacing, write_json, writing

SAVE_EVERY = 2.0  # seconds between two marks of progress on disk
_UNREADABLE = (OSError, ValueError, SyntaxError, TypeError)  # what PIL raises for damaged files


def auto_device() -> torch.device:
    """cuda, else mps, else cpu."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def extract(
    backbone: Backbone,
    images: ImageSet,
    device: torch.device | None = None,
    batch_size: int = 64,
    workers: int | None = None,
    on_progress: Callable[[dict], None] = lambda record: None,
) -> Features:
    """Extract (or read from the cache, or resume) the features of `images`.

    `on_progress` receives `done`, `total`, `images_per_s` and `eta` (seconds). A folder carries the fingerprint of
    what it was made from in its name; features with another fingerprint are never read as if they matched.
    """
    device = device or auto_device()
    fingerprint = f"{backbone.fingerprint}-{images.fingerprint}"
    folder = heat_home() / "features" / file_name(backbone.name) / f"{file_name(images.name)}-{fingerprint}"
    if (folder / "meta.json").exists():
        if read_json(folder / "meta.json").get("fingerprint") == fingerprint:
            return Features.open(folder)
        shutil.rmtree(folder)
    # bicubic resizing is cheap beside a network, so two workers keep a CPU busy; a GPU is fed by all cores
    cores = os.cpu_count() or 1
    workers = (min(cores, 12) if device.type == "cuda" else 0) if workers is None else workers
    if device.type == "cuda" and batch_size == 64:
        batch_size = 256
    work = folder.with_name(f"{folder.name}.partial-{batch_size}-{device.type}")
    skipped = _fill(backbone, images, work, device, batch_size, workers, on_progress)
    _finish(images, work, folder, skipped, fingerprint)
    return Features.open(folder)


def _fill(backbone, images, work, device, batch_size, workers, on_progress) -> list[int]:
    """Write the columns of every batch into `work`; return the indices of unreadable images."""
    with writing(work):
        work.mkdir(parents=True, exist_ok=True)
    mark = work / "progress.json"
    state = read_json(mark) if mark.exists() else {"done": 0, "skipped": []}
    start, began, saved = state["done"], time.monotonic(), time.monotonic()
    loader = DataLoader(
        Subset(_Decoded(images, backbone.transform), range(start, len(images))),
        batch_size=batch_size,
        num_workers=workers,
        pin_memory=device.type == "cuda",
    )
    network = backbone.to(device, memory_format=torch.channels_last)
    columns: dict[str, np.memmap] = {}
    done = start
    for pixels, readable in loader:
        pixels = pixels.to(device, non_blocking=True, memory_format=torch.channels_last)
        with torch.inference_mode(), torch.autocast(device.type, enabled=device.type == "cuda"):
            pooled = network(pixels)
        rows = slice(done, done + len(pixels))
        with writing(work):
            for name, values in zip(("avg", "std"), pooled, strict=True):
                if name not in columns:
                    columns[name] = _open_column(work / f"{name}.npy", (len(images), values.shape[1]), start)
                columns[name][rows] = values.float().cpu().numpy()
        state["skipped"] += [done + int(i) for i in np.flatnonzero(~readable.numpy())]
        done += len(pixels)
        if time.monotonic() - saved > SAVE_EVERY or done == len(images):
            with writing(work):
                for column in columns.values():
                    column.flush()
            write_json(mark, state | {"done": done})
            saved = time.monotonic()
        rate = (done - start) / max(time.monotonic() - began, 1e-9)
        left = (len(images) - done) / rate
        on_progress({"done": done, "total": len(images), "images_per_s": rate, "eta": left})
    return state["skipped"]


def _open_column(path: Path, shape: tuple[int, int], start: int) -> np.memmap:
    mode = "r+" if start and path.exists() else "w+"
    return np.lib.format.open_memmap(path, mode=mode, dtype=np.float32, shape=None if mode == "r+" else shape)


def _finish(images: ImageSet, work: Path, folder: Path, skipped: list[int], fingerprint: str) -> None:
    keep = np.setdiff1d(np.arange(len(images)), skipped)
    if not len(keep):
        raise HeatError(
            f"None of the {len(images)} images of {images.name!r} could be read: check that they are images."
        )
    for name in ("avg", "std"):
        column = np.load(work / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        if len(keep) < len(column):
            with replacing(work / f"{name}.npy") as beside, open(beside, "wb") as file:
                np.save(file, column[keep])
    if images.labels is not None:
        with replacing(work / "labels.npy") as beside, open(beside, "wb") as file:
            np.save(file, images.labels[keep])
    meta = {
        "fingerprint": fingerprint,
        "ids": [images.ids[i] for i in keep],
        "labelled": images.labels is not None,
        "class_names": images.class_names,
        "skipped": [images.ids[i] for i in skipped],
    }
    write_json(work / "meta.json", meta)
    (work / "progress.json").unlink(missing_ok=True)
    with writing(folder):
        work.rename(folder)


class _Decoded(Dataset):
    """index → (pixels, readable); black pixels where the image cannot be read."""

    def __init__(self, images: ImageSet, transform) -> None:
        self.images, self.transform = images, transform

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, bool]:
        from PIL import Image

        try:
            return self.transform(self.images.open(index)), True
        except (*_UNREADABLE, Image.DecompressionBombError):
            return self.transform(Image.new("RGB", (32, 32))), False
