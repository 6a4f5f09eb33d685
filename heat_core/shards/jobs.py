"""What is done to a shard of images. A job can be pickled, and does the same to a shard wherever it runs."""

import json
import os
import socket
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from heat_core.backbones.registry import Backbone
from heat_core.data.folder_scan import unique_beside
from heat_core.data.image_set import ImageSet, opener_of
from heat_core.data.pyarrow_support import arrow, as_column
from heat_core.errors import HeatError
from heat_core.features.batches import ExtractionProgress, auto_device, look, usual_workers
from heat_core.features.features import Features
from heat_core.guard.guard import Guard
from heat_core.guard.table import arrow_columns
from heat_core.progress import Every, no_progress
from heat_core.runs.events import Progress
from heat_core.shards.listing import Shard, box_lists, read_shard
from heat_core.shards.plan import Plan
from heat_core.storage import printable, replacing, write_npz

_SAY_EVERY = 2.0  # seconds
_MANY = 100  # files of which none is there: they are somewhere else


@dataclass(frozen=True)
class Done:
    """A shard that is finished: its number, how many images it has and how many of them could not be read, how long it
    took, and where."""

    number: int
    rows: int
    unreadable: int
    seconds: float
    host: str
    pid: int


class ShardJob(ABC):
    """Images → features → one file.

    Args:
        folder: of the list and of the results.
        plan: what the folder was begun as.
        backbone: what looks at the images.
    """

    kind: ClassVar[str]  # of results
    ending: ClassVar[str]

    def __init__(self, folder: Path, plan: Plan, backbone: Backbone) -> None:
        self.folder, self.plan, self.backbone = folder.resolve(), plan, backbone

    def path(self, number: int) -> Path:
        """The file of a shard: where it is, the shard is finished."""
        return self.folder / f"{self.kind}-{number:06d}{self.ending}"

    def __call__(self, number: int, report: Progress = no_progress) -> Done:
        """Do one shard."""
        began, shard = time.monotonic(), read_shard(self.folder, number, self.plan.size)
        with _on_threads(self.plan.threads):
            return self._do(shard, began, report)

    def _do(self, shard: Shard, began: float, report: Progress) -> Done:
        features, readable = self._look(shard, report)
        if features is None and len(shard) >= _MANY and not any(map(os.path.lexists, shard.files.raw())):
            raise HeatError(
                f"None of {len(shard)} images is there on {printable(socket.gethostname())}, first "
                f"{printable(shard.files[0])}: is their folder mounted?"
            )
        self.write(shard, features, readable)
        missing = len(shard) - int(readable.sum())
        return Done(shard.number, len(shard), missing, time.monotonic() - began, socket.gethostname(), os.getpid())

    @abstractmethod
    def write(self, shard: Shard, features: Features | None, readable: np.ndarray) -> None:
        """Keep the result, whole or not at all; `features` are those of the readable images, None where none is."""

    def _look(self, shard: Shard, report: Progress) -> tuple[Features | None, np.ndarray]:
        """Features of the images that could be read, and (N,) which those are."""
        images = ImageSet("", shard.ids, opener_of(shard.files, shard.boxes), None, [], "")
        batch_size, workers = self.plan.batch_size, usual_workers(auto_device(), self.plan.threads)
        due = Every(_SAY_EVERY)

        def progress(record: ExtractionProgress) -> None:
            if due():
                report(self.kind, f"shard {shard.number}: {record['done']} of {len(shard)} images")

        return look(self.backbone, images, batch_size, workers, progress)


@contextmanager
def _on_threads(count: int) -> Iterator[None]:
    """So many threads, and afterwards as many as before: who fits priors next adds in the same order."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class ExtractShards(ShardJob):
    """Images → `features-000000.npz`: the columns of the readable images, and `readable` of all."""

    kind, ending = "features", ".npz"

    def write(self, shard: Shard, features: Features | None, readable: np.ndarray) -> None:
        columns = {} if features is None else {"avg": features.avg, "std": features.std}
        write_npz(self.path(shard.number), {"readable": readable} | {k: v for k, v in columns.items() if v is not None})


class ScoreShards(ShardJob):
    """Images → `scores-000000.parquet`: a row an image, in the order of the list.

    Beside it `kept-000000.parquet` holds the float16 features of evenly spaced images and of the most unusual ones.

    Args:
        folder: as of every job.
        plan: as of every job.
        guard: what scores.
        keep: how many images of each of both kinds keep their features.
    """

    kind, ending = "scores", ".parquet"

    def __init__(self, folder: Path, plan: Plan, guard: Guard, keep: int) -> None:
        super().__init__(folder, plan, guard.backbone)
        self.guard, self.keep = guard, keep

    def write(self, shard: Shard, features: Features | None, readable: np.ndarray) -> None:
        found = self.guard.in_place(features, shard.ids, readable)
        start = {"id": arrow().array(np.arange(shard.start, shard.start + len(shard)))}
        table = start | arrow_columns(found) | _place(shard)
        further = zip(unique_beside(table, shard.columns), shard.columns.values(), strict=True)
        self._write(self.path(shard.number), table | {name: as_column(values) for name, values in further})
        if features is not None:
            seen = np.flatnonzero(readable)
            self._keep(shard, features, seen, found.score[seen])

    def _keep(self, shard: Shard, features: Features, seen: np.ndarray, scores: np.ndarray) -> None:
        top = np.sort(np.argsort(-scores, kind="stable")[: self.keep])
        sample = np.unique(np.linspace(0, len(seen) - 1, self.keep, dtype=int))
        rows = np.r_[sample, top]
        if not len(rows):
            return
        pa, avg = arrow(), features.avg[rows].astype(np.float16)
        table = {
            "id": pa.array(shard.start + seen[rows]),
            "path": pa.array([features.ids[i] for i in rows]),
            "why": pa.array(["sample"] * len(sample) + ["top"] * len(top)),
            "score": pa.array(scores[rows].astype(np.float32)),
            "avg": pa.FixedSizeListArray.from_arrays(pa.array(avg.ravel()), avg.shape[1]),
        }
        self._write(self.folder / f"kept-{shard.number:06d}.parquet", table)

    def _write(self, path: Path, columns: dict[str, Any]) -> None:
        pa = arrow()
        table = pa.table(columns).replace_schema_metadata({"heat": json.dumps(self.about)})
        with replacing(path) as beside:
            pa.parquet.write_table(table, beside, write_page_checksum=True)

    @property
    def about(self) -> dict[str, Any]:
        """What the numbers mean, kept in every file."""
        guard, scale = self.guard, self.guard.scale
        return {
            "priors": list(guard.lens.composed(scale.priors)),
            "beta": str(guard.lens.beta),
            "threshold": guard.threshold,
            "mean": dict(zip(scale.priors, map(float, scale.mean), strict=True)),
            "std": dict(zip(scale.priors, map(float, scale.spread), strict=True)),
            "calibration_images": len(guard.calibration),
            "remark": guard.remark,
            "device": auto_device().type,
        }


def _place(shard: Shard) -> dict[str, Any]:
    """Where each image lies, and in which box, where the list has crops."""
    path = {"path": arrow().array(shard.paths)}
    return path if shard.boxes is None else path | {"box": box_lists(shard.boxes)}
