"""Jobs that process one shard of images. A job can be pickled, and gives the same result on any machine."""

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
from heat_core.data.containers.members import is_stored_file
from heat_core.data.folder_scan import unique_names_avoiding
from heat_core.data.image_set import ImageSet, make_opener
from heat_core.data.pyarrow_support import arrow, to_arrow
from heat_core.errors import HeatError
from heat_core.features.batches import (
    ExtractionProgress,
    auto_device,
    default_workers,
    extract_in_memory,
    join_encoders,
)
from heat_core.features.features import Features
from heat_core.guard.guard import Guard
from heat_core.guard.table import arrow_columns
from heat_core.names import printable
from heat_core.progress import RateLimiter, no_progress
from heat_core.runs.events import Progress
from heat_core.shards.image_list_file import Shard, boxes_to_arrow, read_shard
from heat_core.shards.shard_plan import ShardPlan
from heat_core.storage import replacing, write_npz

_REPORT_INTERVAL = 2.0  # seconds
_MIN_IMAGES_OF_A_MISSING_FOLDER = 100  # if so many files are all missing, their folder is not mounted


@dataclass(frozen=True)
class ShardResult:
    """Counts, time and place of a finished shard.

    Attributes:
        number: number of the shard, from 0.
        image_count: number of images in the shard.
        unreadable_count: number of images that could not be read.
        seconds: seconds that the shard took.
        host: name of the machine that processed it.
        pid: id of the process that processed it.
    """

    number: int
    image_count: int
    unreadable_count: int
    seconds: float
    host: str
    pid: int


class ShardJob(ABC):
    """Job that extracts the features of a shard's images and writes one result file.

    Args:
        folder: folder of the image list and of the results.
        plan: plan that the folder was begun with.
        backbones: network that the features come from, and the second encoder if there is one.

    Attributes:
        kind: kind of the results, with which the names of their files begin.
        suffix: ending of the result files.
    """

    kind: ClassVar[str]
    suffix: ClassVar[str]

    def __init__(self, folder: Path, plan: ShardPlan, backbones: tuple[Backbone, ...]) -> None:
        self.folder, self.plan, self.backbones = folder.resolve(), plan, backbones

    def result_path(self, number: int) -> Path:
        """Return the result file of a shard; the shard is finished if and only if the file exists."""
        return self.folder / f"{self.kind}-{number:06d}{self.suffix}"

    def __call__(self, number: int, report: Progress = no_progress) -> ShardResult:
        """Process one shard.

        Args:
            number: number of the shard, from 0.
            report: receives the progress.

        Raises:
            HeatError: if none of at least 100 images exists on this machine.
        """
        began, shard = time.monotonic(), read_shard(self.folder, number, self.plan.shard_size)
        with _torch_threads(self.plan.threads):
            return self._process(shard, began, report)

    def _process(self, shard: Shard, began: float, report: Progress) -> ShardResult:
        features, readable = self._extract_features(shard, report)
        if (
            features is None
            and len(shard) >= _MIN_IMAGES_OF_A_MISSING_FOLDER
            and not any(map(_exists, shard.files.iter_bytes()))
        ):
            raise HeatError(
                f"None of {len(shard)} images is there on {printable(socket.gethostname())}, first "
                f"{printable(shard.files[0])}: is their folder mounted?"
            )
        self.write(shard, features, readable)
        unreadable_count, seconds = len(shard) - int(readable.sum()), time.monotonic() - began
        return ShardResult(shard.number, len(shard), unreadable_count, seconds, socket.gethostname(), os.getpid())

    @abstractmethod
    def write(self, shard: Shard, features: Features | None, readable: np.ndarray) -> None:
        """Write the result file, whole or not at all.

        Args:
            shard: images of the shard.
            features: features of the readable images; None if no image is readable.
            readable: (n,) bool, True for images that could be read.
        """

    def _extract_features(self, shard: Shard, report: Progress) -> tuple[Features | None, np.ndarray]:
        """Extract the features of the readable images (None if there are none), and mark these images, (n,) bool."""
        images = ImageSet("", shard.ids, make_opener(shard.files, shard.boxes), None, [], "")
        batch_size, workers = self.plan.batch_size, default_workers(auto_device(), self.plan.threads)
        due = RateLimiter(_REPORT_INTERVAL)

        def progress(record: ExtractionProgress) -> None:
            if due():
                report(self.kind, f"shard {shard.number}: {record['done']} of {len(shard)} images", done=record["done"])

        return join_encoders([extract_in_memory(b, images, batch_size, workers, progress) for b in self.backbones])


def _exists(path: bytes) -> bool:
    """Return whether a path exists, also as a link to nothing or in an archive."""
    return os.path.lexists(path) or is_stored_file(Path(os.fsdecode(path)))


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    """Let torch use `count` threads in the block, and then the former number, so that later sums do not change."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class FeatureShardJob(ShardJob):
    """Job that writes `features-000000.npz`: the columns of the readable images, and `readable` of all images."""

    kind, suffix = "features", ".npz"

    def write(self, shard: Shard, features: Features | None, readable: np.ndarray) -> None:
        """Write the features of the readable images, and which images are readable."""
        columns = {} if features is None else {"avg": features.avg, "std": features.std}
        write_npz(
            self.result_path(shard.number), {"readable": readable} | {k: v for k, v in columns.items() if v is not None}
        )


class ScoreShardJob(ShardJob):
    """Job that writes `scores-000000.parquet`: one row per image, in the order of the list.

    A second file, `kept-000000.parquet`, holds the float16 features of evenly spaced images and of the most unusual
    ones.

    Args:
        folder: folder of the image list and of the results.
        plan: plan that the folder was begun with.
        guard: guard that scores the images.
        keep: number of evenly spaced images, and of most unusual images, whose features are kept.
    """

    kind, suffix = "scores", ".parquet"

    def __init__(self, folder: Path, plan: ShardPlan, guard: Guard, keep: int) -> None:
        super().__init__(folder, plan, guard.backbones)
        self.guard, self.keep = guard, keep

    def write(self, shard: Shard, features: Features | None, readable: np.ndarray) -> None:
        """Write the verdicts of all images, and the features of some readable images."""
        verdicts = self.guard.score_readable(features, shard.ids, readable)
        start = {"id": arrow().array(np.arange(shard.start, shard.start + len(shard)))}
        table = start | arrow_columns(verdicts) | _location_columns(shard)
        manifest_columns = zip(unique_names_avoiding(table, shard.columns), shard.columns.values(), strict=True)
        self._write_table(
            self.result_path(shard.number), table | {name: to_arrow(values) for name, values in manifest_columns}
        )
        if features is not None:
            indices = np.flatnonzero(readable)
            self._keep_features(shard, features, indices, verdicts.score[indices])

    def _keep_features(self, shard: Shard, features: Features, indices: np.ndarray, scores: np.ndarray) -> None:
        top = np.sort(np.argsort(-scores, kind="stable")[: self.keep])
        sample = np.unique(np.linspace(0, len(indices) - 1, self.keep, dtype=int))
        rows = np.r_[sample, top]
        if not len(rows):
            return
        pa, avg = arrow(), features.avg[rows].astype(np.float16)
        table = {
            "id": pa.array(shard.start + indices[rows]),
            "path": pa.array([features.ids[i] for i in rows]),
            "why": pa.array(["sample"] * len(sample) + ["top"] * len(top)),
            "score": pa.array(scores[rows].astype(np.float32)),
            "avg": pa.FixedSizeListArray.from_arrays(pa.array(avg.ravel()), avg.shape[1]),
        }
        self._write_table(self.folder / f"kept-{shard.number:06d}.parquet", table)

    def _write_table(self, path: Path, columns: dict[str, Any]) -> None:
        pa = arrow()
        table = pa.table(columns).replace_schema_metadata({"heat": json.dumps(self.metadata)})
        with replacing(path) as temp_path:
            pa.parquet.write_table(table, temp_path, write_page_checksum=True)

    @property
    def metadata(self) -> dict[str, Any]:
        """Settings that give the scores their meaning; they are stored in every file."""
        guard, scale = self.guard, self.guard.scale
        return {
            "priors": list(guard.lens.select_priors(scale.priors)),
            "beta": str(guard.lens.beta),
            "threshold": guard.threshold,
            "mean": dict(zip(scale.priors, map(float, scale.mean), strict=True)),
            "std": dict(zip(scale.priors, map(float, scale.spread), strict=True)),
            "calibration_images": len(guard.calibration),
            "remark": guard.calibration_note,
            "device": auto_device().type,
        }


def _location_columns(shard: Shard) -> dict[str, Any]:
    """Return the columns with the path of each image, and with its box if the list has crops."""
    path = {"path": arrow().array(shard.paths)}
    return path if shard.boxes is None else path | {"box": boxes_to_arrow(shard.boxes)}
