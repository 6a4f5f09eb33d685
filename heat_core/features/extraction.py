"""Extraction of a data set's features to disk: batched, resumable after the process was killed, with progress.

The division into batches is fixed, so that a resumed extraction computes the same batches and writes the same bytes. An
image that cannot be read is replaced by a black one, so that the batch keeps its shape, and is removed at the end.
"""

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from heat_core.backbones.registry import Backbone
from heat_core.data.image_set import ImageSet
from heat_core.digests import digest_of_array, digest_of_file
from heat_core.errors import HeatError
from heat_core.features.batches import (
    ExtractionProgress,
    auto_device,
    default_batch_size,
    default_workers,
    iter_batches,
    progress_record,
)
from heat_core.features.columns import Column, pooled_columns
from heat_core.features.features import Features
from heat_core.features.kept_rows import KeptRows, find_kept_rows
from heat_core.features.store import META, load_features
from heat_core.locks import exclusive
from heat_core.names import file_name, printable
from heat_core.progress import RateLimiter
from heat_core.storage import (
    heat_home,
    read_checked_json,
    read_json,
    replacing,
    to_stored_path,
    write_checked_json,
    write_json,
    writing,
)

SAVE_EVERY = 2.0  # seconds between two writes of the progress file
_PROGRESS = "progress.json"


def extract(
    backbone: Backbone,
    images: ImageSet,
    device: torch.device | None = None,
    batch_size: int | None = None,
    workers: int | None = None,
    on_progress: Callable[[ExtractionProgress], None] = lambda _: None,
    columns: Sequence[Column] | None = None,
    known_sets: Sequence[ImageSet] = (),
) -> Features:
    """Extract (or read from the cache, or resume) the features of `images`; only columns that are missing are computed.

    The name of a folder of features holds the fingerprint of the network and the images; features with another
    fingerprint are never used. Images that `known_sets` contain too do not go through the network: their rows are
    copied from the features of these sets, if this network made some.

    Args:
        backbone: the network.
        images: the images.
        device: device of the network; default: `auto_device()`.
        batch_size: images per batch; default: `default_batch_size`.
        workers: processes that decode images; default: `default_workers`.
        on_progress: receives a record after every batch.
        columns: columns computed from each batch; default: `avg`, and `std` where there are positions.
        known_sets: sets whose stored features are used for the images that they share.

    Raises:
        HeatError: where no image can be read, or other images than for the columns that exist already.
    """
    device = device or auto_device()
    columns = pooled_columns(backbone) if columns is None else columns
    batch_size = batch_size or default_batch_size(device)
    workers = default_workers(device, os.cpu_count() or 1) if workers is None else workers
    job = ExtractionJob(backbone, images, device, batch_size, workers, columns, on_progress)
    folder = job.folder
    if job.missing_columns():
        lock = heat_home() / "locks" / f"{folder.parent.name}-{folder.name}.lock"
        with exclusive(lock, target=folder):  # another process may have made some columns while this one waited
            if missing := job.missing_columns():
                replace(job, columns=missing).run(known_sets)
    return load_features(folder, [c.name for c in columns])


@dataclass(frozen=True)
class ExtractionJob:
    """Extraction of some columns of a set of images into a folder.

    Attributes:
        backbone: the network.
        images: the images.
        device: device of the network.
        batch_size: images per batch.
        workers: processes that decode images.
        columns: columns computed from each batch.
        on_progress: receives a record after every batch.
    """

    backbone: Backbone
    images: ImageSet
    device: torch.device
    batch_size: int
    workers: int
    columns: Sequence[Column]
    on_progress: Callable[[ExtractionProgress], None]

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the network and of the images."""
        return f"{self.backbone.fingerprint}-{self.images.fingerprint}"

    @property
    def folder(self) -> Path:
        """Folder of the finished features."""
        name = f"{file_name(self.images.name)}-{self.fingerprint}"
        network = to_stored_path(self.backbone.name)  # a file in HEAT_HOME has the same features after a move
        return heat_home() / "features" / file_name(network) / name

    @property
    def partial_folder(self) -> Path:
        """Folder of unfinished columns; its name holds everything on which the division into batches depends."""
        label = file_name("-".join([str(self.batch_size), self.device.type, *(c.name for c in self.columns)]))
        return self.folder.with_name(f"{self.folder.name}.partial-{label}")

    def missing_columns(self) -> list[Column]:
        """List the columns that no finished folder of this fingerprint has."""
        digests = self._stored_digests()
        return [c for c in self.columns if c.name not in digests or not (self.folder / f"{c.name}.npy").exists()]

    def _stored_digests(self) -> dict[str, str]:
        """Read the column digests of a finished folder; {} if its fingerprint differs or there is no such folder."""
        if not (self.folder / META).exists():
            return {}
        cure = f"delete {printable(self.folder)} and run again"
        meta = read_json(self.folder / META, cure)
        if not isinstance(meta, dict) or meta.get("fingerprint") != self.fingerprint:
            return {}
        digests = read_checked_json(self.folder / META, cure).get("digests")
        return digests if isinstance(digests, dict) else {}

    def run(self, known_sets: Sequence[ImageSet] = ()) -> None:
        """Compute the columns in the partial folder, then move them into the finished one.

        Args:
            known_sets: sets whose stored features are used for the images that they share.

        Raises:
            HeatError: where no image can be read, or other images than for the columns that exist already.
        """
        if self.folder.exists() and not self._stored_digests():
            shutil.rmtree(self.folder)
        stored = [(replace(self, images=images).folder, images) for images in known_sets]
        kept = find_kept_rows(self.images, stored, [c.name for c in self.columns])
        skipped = self._copy_kept_rows(kept) if kept.count else self._write_columns()
        readable = np.setdiff1d(np.arange(len(self.images)), skipped)
        if not len(readable):
            raise HeatError(
                f"None of the {len(self.images)} images of {self.images.name!r} could be read: check that they are "
                "images."
            )
        digests = self._remove_unreadable(readable)
        if (self.folder / META).exists():
            self._add_to_folder(digests, readable)
        else:
            self._make_folder(digests, readable, skipped)

    def _write_columns(self) -> list[int]:
        """Write the columns of every batch into the partial folder; return the indices of unreadable images."""
        work, total = self.partial_folder, len(self.images)
        with writing(work):
            work.mkdir(parents=True, exist_ok=True)
        state = self._read_progress()
        start = done = state["done"]
        start_time, is_save_due = time.monotonic(), RateLimiter(SAVE_EVERY)
        files: dict[str, np.memmap] = {}
        for batch, readable in self._iter_batches(start):
            for name, values in batch.items():
                with writing(work):
                    if name not in files:
                        files[name] = _open_column(work / f"{name}.npy", (total, values.shape[1]), start)
                    files[name][done : done + len(readable)] = values
            state["skipped"] += [done + int(i) for i in np.flatnonzero(~readable)]
            done += len(readable)
            if is_save_due() or done == total:
                with writing(work):
                    for file in files.values():
                        file.flush()
                write_json(work / _PROGRESS, state | {"done": done})
            self.on_progress(progress_record(done, total, start_time, start))
        return state["skipped"]

    def _copy_kept_rows(self, kept: KeptRows) -> list[int]:
        """Write the columns from stored features, and extract those of the other images as a set of their own.

        Returns:
            indices of unreadable images.
        """
        work, missing = self.partial_folder, kept.missing
        with writing(work):
            work.mkdir(parents=True, exist_ok=True)
            (work / _PROGRESS).unlink(missing_ok=True)  # of an extraction that stopped, whose rows are written over
        rest = self.images.subset(missing, f"rows {digest_of_array(missing)}")
        if len(missing):
            settings = self.device, self.batch_size, self.workers, self.on_progress, self.columns
            kept.take(extract(self.backbone, rest, *settings), zip(missing.tolist(), rest.ids, strict=True))
        for name in (c.name for c in self.columns):
            with writing(work):
                kept.copy_into(_open_column(work / f"{name}.npy", (len(self.images), kept.width(name)), 0), name)
        if len(missing):
            shutil.rmtree(replace(self, images=rest).folder, ignore_errors=True)
        return kept.unreadable.tolist()

    def _read_progress(self) -> dict[str, Any]:
        """Read how many images were done when an earlier process stopped, and which of them could not be read."""
        work = self.partial_folder
        is_resumable = (work / _PROGRESS).exists() and all((work / f"{c.name}.npy").exists() for c in self.columns)
        return read_json(work / _PROGRESS) if is_resumable else {"done": 0, "skipped": []}

    def _iter_batches(self, start: int) -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        return iter_batches(self.backbone, self.images, self.device, self.batch_size, self.workers, self.columns, start)

    def _remove_unreadable(self, readable: np.ndarray) -> dict[str, str]:
        """Keep only rows of readable images in the columns; return the digests of these."""
        digests: dict[str, str] = {}
        for name in (c.name for c in self.columns):
            path = self.partial_folder / f"{name}.npy"
            values = np.load(path, mmap_mode="r", allow_pickle=False)
            if len(readable) < len(values):
                _save_array(path, values[readable])  # copied to memory, since some systems cannot replace a mapped file
            digests[name] = digest_of_file(path)
        return digests

    def _make_folder(self, digests: dict[str, str], readable: np.ndarray, skipped: list[int]) -> None:
        """Add labels and the description, and make the partial folder the finished one."""
        images, work = self.images, self.partial_folder
        if images.labels is not None:
            _save_array(work / "labels.npy", images.labels[readable])
            digests = digests | {"labels": digest_of_file(work / "labels.npy")}
        meta = {
            "fingerprint": self.fingerprint,
            "digests": digests,
            "ids": [images.ids[i] for i in readable],
            "labelled": images.labels is not None,
            "class_names": images.class_names,
            "skipped": [images.ids[i] for i in skipped],
        }
        write_checked_json(work / META, meta)
        (work / _PROGRESS).unlink(missing_ok=True)
        with writing(self.folder):
            work.rename(self.folder)

    def _add_to_folder(self, digests: dict[str, str], readable: np.ndarray) -> None:
        """Move columns that were requested later to the finished ones; a column is valid once its digest is written."""
        folder, work = self.folder, self.partial_folder
        meta = read_checked_json(folder / META, f"delete {folder} and run again")
        if meta["ids"] != [self.images.ids[i] for i in readable]:
            raise HeatError(
                f"Some images of {folder.name} can no longer be read, or now can: delete {folder} and run again."
            )
        with writing(folder):
            for name in digests:
                (work / f"{name}.npy").replace(folder / f"{name}.npy")
        write_checked_json(folder / META, meta | {"digests": meta["digests"] | digests})
        shutil.rmtree(work)


def _save_array(path: Path, values: np.ndarray) -> None:
    with replacing(path) as temp_path, open(temp_path, "wb") as file:
        np.save(file, values)


def _open_column(path: Path, shape: tuple[int, int], start: int) -> np.memmap:
    if start:
        return np.lib.format.open_memmap(path, mode="r+")
    column = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    _reserve_space(path)
    return column


def _reserve_space(path: Path) -> None:
    """Allocate the whole file on the disk, since writing to a mapped page of a full disk kills the process."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        with open(path, "r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # the file system cannot reserve space
            raise
