"""Scoring of an image list with a guard: Parquet shards of scores, and a summary of them."""

import heapq
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from heat_core.data.pyarrow_support import arrow
from heat_core.errors import HeatError
from heat_core.guard.file import guard_fingerprint
from heat_core.guard.guard import Guard
from heat_core.names import printable
from heat_core.progress import no_progress
from heat_core.runs.events import Progress
from heat_core.shards.engine import run_shards
from heat_core.shards.shard_jobs import ScoreShardJob
from heat_core.shards.shard_plan import EngineOptions, lock_folder, open_plan

_TOP_COUNT = 20  # number of most unusual images in a summary
_COLUMNS = ("path", "score", "p_value", "predicted")


@dataclass(frozen=True)
class ScoreSummary:
    """Summary of the scores of an image list.

    Attributes:
        image_count: number of images in the list.
        unreadable_count: number of images that could not be read.
        unknown_count: number of images whose score exceeds the threshold.
        threshold: threshold of the score, in float32 as the scores are stored: a score that equals it is not above it.
        top: the most unusual images: (score, p-value, path, predicted class), the most unusual first.
        invalid_rows: sentences about rows of manifests that are left out.
    """

    image_count: int
    unreadable_count: int
    unknown_count: int
    threshold: float
    top: list[tuple[float, float, str, str]]
    invalid_rows: list[str]


def score_list(
    guard: Guard,
    sources: Sequence[Path],
    out: Path,
    options: EngineOptions,
    keep: int = 100,
    batch_size: int | None = None,
    report: Progress = no_progress,
) -> ScoreSummary:
    """Score images into `out/scores-000000.parquet` and so on; a second call resumes interrupted work.

    Args:
        guard: guard that scores the images.
        sources: folders, image files and manifests.
        out: folder of the results.
        options: options of the engine.
        keep: number of evenly spaced images of each shard, and of its most unusual images, whose features are kept.
        batch_size: images per batch; None = chosen for the device.
        report: receives the progress.

    Raises:
        HeatError: if the network cannot be loaded, or if the folder, the list or the engine is unsuitable.
    """
    arrow()
    if keep < 0:
        raise HeatError(f"--keep is {keep}: give 0 or more.")
    with lock_folder(out):
        subject = f"scores of {guard.name} {guard_fingerprint(guard)} {keep}"
        plan, image_list = open_plan(out, sources, subject, options, batch_size)
        for note in image_list.notes:
            report("scores", note)
        job = ScoreShardJob(out, plan, guard, keep)
        return _summarise(job, run_shards(job, options, report), image_list.invalid_rows)


def _summarise(job: ScoreShardJob, paths: Sequence[Path], invalid_rows: list[str]) -> ScoreSummary:
    """Summarise the shards, which are read one by one."""
    image_count = unreadable_count = unknown_count = 0
    threshold = float(np.float32(job.guard.threshold))
    devices: set[str] = set()
    top: list[tuple[float, float, str, str]] = []
    for path in paths:
        table, device = read_score_shard(path)
        scores = np.array(table["score"], dtype=float)  # null becomes NaN
        devices.add(device)
        image_count += len(scores)
        unreadable_count += int(np.isnan(scores).sum())
        unknown_count += int((scores > threshold).sum())
        top = heapq.nlargest(_TOP_COUNT, top + _top_rows(table, scores))
    _require_complete(job, image_count, devices)
    return ScoreSummary(image_count, unreadable_count, unknown_count, threshold, top, invalid_rows)


def _top_rows(table: dict[str, list[Any]], scores: np.ndarray) -> list[tuple[float, float, str, str]]:
    """Return the most unusual images of a shard: (score, p-value, path, predicted class)."""
    indices = [int(i) for i in np.argsort(-scores, kind="stable")[:_TOP_COUNT] if not np.isnan(scores[i])]
    return [(scores[i].item(), *(table[name][i] for name in ("p_value", "path", "predicted"))) for i in indices]


def _require_complete(job: ScoreShardJob, image_count: int, devices: set[str]) -> None:
    """Refuse shards that lack images, or that were made on different kinds of devices."""
    expected = job.plan.image_count
    if image_count != expected:
        raise HeatError(f"The shards of {printable(job.folder)} hold {image_count} images, and the list {expected}.")
    if len(devices) > 1:
        raise HeatError(
            f"Some shards of {printable(job.folder)} were made on {' and others on '.join(sorted(devices))}, whose "
            "numbers differ: delete those of one, and start again there."
        )


def read_score_shard(path: Path) -> tuple[dict[str, list[Any]], str]:
    """Read path, score, p-value and predicted class of a shard, and the kind of device that made it.

    Raises:
        HeatError: if the file is damaged.
    """
    pa = arrow()
    try:
        table = pa.parquet.read_table(path, columns=list(_COLUMNS), page_checksum_verification=True)
        if any(pa.types.is_binary(table.schema.field(name).type) for name in ("path", "predicted")):
            raise ValueError  # the type of a column of texts, which no checksum covers
        return table.to_pydict(), torch.device(json.loads(table.schema.metadata[b"heat"])["device"]).type
    except (pa.ArrowException, OSError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise HeatError(f"{printable(path)} is cut off or damaged: delete it and start again.") from error
