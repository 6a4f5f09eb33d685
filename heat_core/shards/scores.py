"""A list of images through a finished run: Parquet shards of scores, and what they show."""

import hashlib
import heapq
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.composition import HEAT, Lens
from heat_core.errors import HeatError
from heat_core.features.manifest import arrow
from heat_core.runs.events import Progress, silent
from heat_core.runs.experiment import ID
from heat_core.runs.record import residual_path
from heat_core.runs.run import Run
from heat_core.runs.scoring import Scorer
from heat_core.shards.jobs import ScoreShards
from heat_core.shards.work import SHARD, at_work, begin, engine_of, finished, work
from heat_core.storage import digest_of, printable


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
    run: Run,
    sources: Sequence[Path],
    out: Path,
    lens: Lens,
    *,
    engine: str = "loop",
    address: str | None = None,
    workers: int | None = None,
    threads: int | None = None,
    size: int = SHARD,
    keep: int = 100,
    report: Progress = silent,
) -> Summary:
    """Score images into `out/scores-000000.parquet` and so on; called again it goes on where it ended.

    Args:
        run: a finished run.
        sources: folders, image files and manifests.
        out: folder of the results.
        lens: how the run's energies are composed.
        engine: `loop` or `ray`.
        address: of a Ray cluster.
        workers: actors on Ray.
        threads: of the processor, for each shard.
        size: images a shard.
        keep: images of each shard whose features are kept: as many spread evenly, and as many of the most unusual.

    Raises:
        HeatError: as `Scorer`; or where the folder, the list or the engine will not do.
    """
    arrow()
    if run.has_energies:
        lens.composed(run.priors)
    with at_work(out):
        plan, listed = begin(out, sources, _of(run, lens, keep), size, threads or _usual_threads(engine))
        job = ScoreShards(
            Scorer(run, report),
            run.scale,
            lens,
            run.detector_scores(ID, HEAT, lens),
            run.class_names,
            keep,
            folder=out,
            size=plan.size,
            batch_size=run.experiment.batch_size,
            threads=plan.threads,
        )
        for _ in work(job, plan, engine_of(engine, address, workers, plan.threads), report):
            pass
        return summary(list(finished(job, plan)), job.threshold, listed.bad)


def summary(paths: Sequence[Path], threshold: float, bad: list[str], most: int = 20) -> Summary:
    """Read the shards one by one."""
    images = unreadable = unknown = 0
    top: list[tuple[float, float, str, str]] = []
    for path in paths:
        table = _read(path)
        scores = table["score"].to_numpy()  # NaN where there is none
        images, unreadable = images + len(scores), unreadable + int(np.isnan(scores).sum())
        unknown += int((scores > threshold).sum())
        rows = [i for i in np.argsort(-scores, kind="stable")[:most] if not np.isnan(scores[i])]
        names, taken, p = table["path"], table["predicted"], table["p_value"]
        new = [(float(scores[i]), p[i].as_py(), names[i].as_py(), taken[i].as_py()) for i in map(int, rows)]
        top = heapq.nlargest(most, top + new)
    return Summary(images, unreadable, unknown, threshold, top, bad)


def _read(path: Path) -> Any:
    pa = arrow()
    try:
        return pa.parquet.read_table(path, columns=["path", "score", "p_value", "predicted"])
    except (pa.ArrowException, OSError, KeyError) as error:
        raise HeatError(f"{printable(path)} is cut off or damaged: delete it and start again.") from error


def _usual_threads(engine: str) -> int | None:
    """A worker on Ray takes four cores at most; None = all of this machine, or as the folder was begun."""
    return min(4, os.cpu_count() or 1) if engine == "ray" else None


def _of(run: Run, lens: Lens, keep: int) -> str:
    """What the scores depend on: the run's residuals and scale, the lens."""
    digest = hashlib.blake2b(digest_size=8)
    for part in (*(digest_of(residual_path(run.folder, p)) for p in run.priors), repr(lens), str(keep)):
        digest.update(part.encode())
    return f"scores of {run.id} {digest.hexdigest()}"
