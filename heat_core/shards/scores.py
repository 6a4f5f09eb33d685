"""A list of images through a guard: Parquet shards of scores, and what they show."""

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
from heat_core.guard.file import fingerprint_of
from heat_core.guard.guard import Guard
from heat_core.progress import no_progress
from heat_core.runs.events import Progress
from heat_core.shards.jobs import ScoreShards
from heat_core.shards.plan import How, at_work, begin
from heat_core.shards.work import work
from heat_core.storage import printable


@dataclass(frozen=True)
class Summary:
    """What the shards show.

    Attributes:
        images: of the list.
        unreadable: of them.
        unknown: how many exceed the threshold.
        threshold: of the score.
        top: the most unusual ones: (score, p-value, path, taken for), the most unusual first.
        bad: rows of manifests that name no file.
    """

    images: int
    unreadable: int
    unknown: int
    threshold: float
    top: list[tuple[float, float, str, str]]
    bad: list[str]


def score_list(
    guard: Guard,
    sources: Sequence[Path],
    out: Path,
    how: How,
    keep: int = 100,
    batch_size: int | None = None,
    report: Progress = no_progress,
) -> Summary:
    """Score images into `out/scores-000000.parquet` and so on; called again it goes on where it ended.

    Args:
        guard: what scores.
        sources: folders, image files and manifests.
        out: folder of the results.
        how: the work is done.
        keep: images of each shard whose features are kept: as many spread evenly, and as many of the most unusual.
        batch_size: images at a time; None = as the device likes.
        report: hears how far it is.

    Raises:
        HeatError: where the network cannot be had; or the folder, the list or the engine will not do.
    """
    arrow()
    if keep < 0:
        raise HeatError(f"--keep is {keep}: give 0 or more.")
    with at_work(out):
        plan, listed = begin(out, sources, f"scores of {guard.name} {fingerprint_of(guard)} {keep}", how, batch_size)
        for note in listed.notes:
            report("scores", note)
        job = ScoreShards(out, plan, guard, keep)
        return _summary(job, work(job, how, report), listed.bad)


def _summary(job: ScoreShards, paths: Sequence[Path], bad: list[str], most: int = 20) -> Summary:
    """Read the shards one by one."""
    images = unreadable = unknown = 0
    devices: set[str] = set()
    top: list[tuple[float, float, str, str]] = []
    for path in paths:
        table, device = _read(path)
        scores = np.array(table["score"], dtype=float)  # NaN where there is none
        devices.add(device)
        images, unreadable = images + len(scores), unreadable + int(np.isnan(scores).sum())
        unknown += int((scores > job.guard.threshold).sum())
        rows = [int(i) for i in np.argsort(-scores, kind="stable")[:most] if not np.isnan(scores[i])]
        new = [(scores[i].item(), *(table[name][i] for name in ("p_value", "path", "predicted"))) for i in rows]
        top = heapq.nlargest(most, top + new)
    if images != job.plan.rows:
        raise HeatError(f"The shards of {printable(job.folder)} hold {images} images, and the list {job.plan.rows}.")
    if len(devices) > 1:
        raise HeatError(
            f"Some shards of {printable(job.folder)} were made on {' and others on '.join(sorted(devices))}, whose "
            "numbers differ: delete those of one, and start again there."
        )
    return Summary(images, unreadable, unknown, job.guard.threshold, top, bad)


def _read(path: Path) -> tuple[dict[str, list[Any]], str]:
    """Columns of a shard, and the kind of device that made it."""
    pa = arrow()
    try:
        columns = ["path", "score", "p_value", "predicted"]
        table = pa.parquet.read_table(path, columns=columns, page_checksum_verification=True)
        return table.to_pydict(), torch.device(json.loads(table.schema.metadata[b"heat"])["device"]).type
    except (pa.ArrowException, OSError, LookupError, TypeError, ValueError, RuntimeError) as error:
        raise HeatError(f"{printable(path)} is cut off or damaged: delete it and start again.") from error
