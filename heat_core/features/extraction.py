"""Backbone × dataset → Features on disk: batched, resumable after a kill, with progress.

Batches are cut once and for all, so that a resumed extraction sees the same batches and writes the same bytes.
An image that cannot be read travels as a black one (the batch keeps its shape) and is dropped at the end.
"""

import errno
import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock

from heat_core.backbones.registry import Backbone
from heat_core.data.image_set import ImageSet
from heat_core.errors import HeatError
from heat_core.features.batches import (
    ExtractionProgress,
    auto_device,
    each_batch,
    progress_of,
    usual_batch_size,
    usual_workers,
)
from heat_core.features.columns import Column, pooled
from heat_core.features.features import Features
from heat_core.features.store import META, load_features
from heat_core.storage import (
    digest_of,
    file_name,
    heat_home,
    printable,
    read_json,
    read_sealed,
    replacing,
    write_json,
    write_sealed,
    writing,
)

SAVE_EVERY = 2.0  # seconds between two marks of progress on disk


def extract(
    backbone: Backbone,
    images: ImageSet,
    device: torch.device | None = None,
    batch_size: int | None = None,
    workers: int | None = None,
    on_progress: Callable[[ExtractionProgress], None] = lambda _: None,
    columns: Sequence[Column] | None = None,
) -> Features:
    """Extract (or read from the cache, or resume) the features of `images`; only columns that are missing are made.

    A folder carries the fingerprint of what it was made from in its name; features with another fingerprint are never
    read as if they matched.

    Args:
        backbone: the network.
        images: what it looks at.
        device: where it runs; default: `auto_device()`.
        batch_size: images at a time; default: `usual_batch_size`.
        workers: processes that decode images; default: `usual_workers`.
        on_progress: receives a record after every batch.
        columns: what is kept of each batch; default: `avg`, and `std` where there are positions.
    """
    columns = pooled(backbone) if columns is None else columns
    device = device or auto_device()
    batch_size = batch_size or usual_batch_size(device)
    fingerprint = f"{backbone.fingerprint}-{images.fingerprint}"
    folder = heat_home() / "features" / file_name(backbone.name) / f"{file_name(images.name)}-{fingerprint}"
    if _missing(folder, fingerprint, columns):
        lock = FileLock(heat_home() / "locks" / f"{folder.parent.name}-{folder.name}.lock")
        with writing(folder):
            Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:  # what another process made while this one waited is not made again
            if missing := _missing(folder, fingerprint, columns):
                _make(backbone, images, folder, fingerprint, missing, device, batch_size, workers, on_progress)
        finally:
            lock.release()
    return load_features(folder, [c.name for c in columns])


def _missing(folder: Path, fingerprint: str, columns: Sequence[Column]) -> list[Column]:
    """The columns that are not in a finished folder of that fingerprint."""
    digests = _digests(folder, fingerprint)
    return [c for c in columns if c.name not in digests or not (folder / f"{c.name}.npy").exists()]


def _digests(folder: Path, fingerprint: str) -> dict[str, str]:
    """Of the columns of a finished folder of that fingerprint; none where it is another, or from before there were."""
    if not (folder / META).exists():
        return {}
    cure = f"delete {printable(folder)} and run again"
    meta = read_json(folder / META, cure)
    if not isinstance(meta, dict) or meta.get("fingerprint") != fingerprint:
        return {}
    digests = read_sealed(folder / META, cure).get("digests")
    return digests if isinstance(digests, dict) else {}


def _make(
    backbone: Backbone,
    images: ImageSet,
    folder: Path,
    fingerprint: str,
    columns: Sequence[Column],
    device: torch.device,
    batch_size: int,
    workers: int | None,
    on_progress: Callable[[ExtractionProgress], None],
) -> None:
    """Fill the columns beside the folder, then move them in."""
    if folder.exists() and not _digests(folder, fingerprint):
        shutil.rmtree(folder)
    workers = usual_workers(device, os.cpu_count() or 1) if workers is None else workers
    label = file_name("-".join([str(batch_size), device.type, *(c.name for c in columns)]))
    work = folder.with_name(f"{folder.name}.partial-{label}")
    skipped = _fill(backbone, images, work, device, batch_size, workers, on_progress, columns)
    _finish(images, work, folder, skipped, fingerprint, columns)


def _fill(
    backbone: Backbone,
    images: ImageSet,
    work: Path,
    device: torch.device,
    batch_size: int,
    workers: int,
    on_progress: Callable[[ExtractionProgress], None],
    columns: Sequence[Column],
) -> list[int]:
    """Write the columns of every batch into `work`; return the indices of unreadable images."""
    with writing(work):
        work.mkdir(parents=True, exist_ok=True)
    mark = work / "progress.json"
    begun = mark.exists() and all((work / f"{c.name}.npy").exists() for c in columns)
    state: dict[str, Any] = read_json(mark) if begun else {"done": 0, "skipped": []}
    start, began, saved = state["done"], time.monotonic(), time.monotonic()
    files: dict[str, np.memmap] = {}
    done = start
    for batch, readable in each_batch(backbone, images, device, batch_size, workers, columns, start):
        rows = slice(done, done + len(readable))
        for name, values in batch.items():
            with writing(work):
                if name not in files:
                    files[name] = _open_column(work / f"{name}.npy", (len(images), values.shape[1]), start)
                files[name][rows] = values
        state["skipped"] += [done + int(i) for i in np.flatnonzero(~readable)]
        done += len(readable)
        if time.monotonic() - saved > SAVE_EVERY or done == len(images):
            with writing(work):
                for file in files.values():
                    file.flush()
            write_json(mark, state | {"done": done})
            saved = time.monotonic()
        on_progress(progress_of(done, len(images), began, start))
    return state["skipped"]


def _open_column(path: Path, shape: tuple[int, int], start: int) -> np.memmap:
    if start:
        return np.lib.format.open_memmap(path, mode="r+")
    column = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    _reserve(path)
    return column


def _reserve(path: Path) -> None:
    """Take the file's whole room on the disk now: a full disk would otherwise kill the process at some later page."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # a file system that cannot promise room
            raise


def _finish(
    images: ImageSet, work: Path, folder: Path, skipped: list[int], fingerprint: str, columns: Sequence[Column]
) -> None:
    keep = np.setdiff1d(np.arange(len(images)), skipped)
    if not len(keep):
        raise HeatError(
            f"None of the {len(images)} images of {images.name!r} could be read: check that they are images."
        )
    ids = [images.ids[i] for i in keep]
    for column in columns:
        values = np.load(work / f"{column.name}.npy", mmap_mode="r", allow_pickle=False)
        if len(keep) < len(values):
            values = values[keep]  # in memory: a file that is mapped cannot be replaced everywhere
            with replacing(work / f"{column.name}.npy") as beside, open(beside, "wb") as file:
                np.save(file, values)
    digests = {c.name: digest_of(work / f"{c.name}.npy") for c in columns}
    if (folder / META).exists():
        _add(work, folder, digests, ids)
        return
    if images.labels is not None:
        with replacing(work / "labels.npy") as beside, open(beside, "wb") as file:
            np.save(file, images.labels[keep])
        digests["labels"] = digest_of(work / "labels.npy")
    meta = {
        "fingerprint": fingerprint,
        "digests": digests,
        "ids": ids,
        "labelled": images.labels is not None,
        "class_names": images.class_names,
        "skipped": [images.ids[i] for i in skipped],
    }
    write_sealed(work / META, meta)
    (work / "progress.json").unlink(missing_ok=True)
    with writing(folder):
        work.rename(folder)


def _add(work: Path, folder: Path, digests: dict[str, str], ids: list[str]) -> None:
    """Move columns that were asked for later to the finished ones; one counts once its digest is written."""
    meta = read_sealed(folder / META, f"delete {folder} and run again")
    if meta["ids"] != ids:
        raise HeatError(
            f"Some images of {folder.name} can no longer be read, or now can: delete {folder} and run again."
        )
    with writing(folder):
        for name in digests:
            (work / f"{name}.npy").replace(folder / f"{name}.npy")
    write_sealed(folder / META, meta | {"digests": meta["digests"] | digests})
    shutil.rmtree(work)
