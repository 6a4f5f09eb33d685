"""Scoring of new images by a finished run, with their positions on its map, in the form that the app reads."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from heat_core.data.datasets import from_files
from heat_core.errors import describe_error
from heat_core.features.batches import ExtractionProgress, auto_device
from heat_core.features.extraction import extract
from heat_core.locks import exclusive
from heat_core.pipeline.build_guard import build_guard
from heat_core.progress import no_progress
from heat_core.runs.events import Progress
from heat_core.runs.lock import FAILED_FILE, SCORE_LOCK
from heat_core.runs.run import Run
from heat_core.runs.scored_images import SCORED, ScoredImages
from heat_core.storage import writing


def score(run: Run, paths: list[Path], report: Progress = no_progress) -> ScoredImages:
    """Score images (files, or folders of them) with a run.

    Raises:
        HeatError: as `build_guard`, or where no image can be read.
    """
    images = from_files(paths)
    for note in images.notes:
        report("features", note)
    guard = build_guard(run, report=report)

    def progress(record: ExtractionProgress) -> None:
        report("features", f"{record['done']} of {record['total']} images", **record)

    size = run.experiment.batch_size
    features = extract(guard.backbone, images, auto_device(), size, on_progress=progress)
    if guard.second_network:
        second = guard.backbones[-1]
        features = features.with_second_encoder(extract(second, images, auto_device(), size, on_progress=progress))
    verdicts = guard.score_features(features)
    read = images.select(features.ids)
    return ScoredImages(
        ids=np.array(verdicts.ids),
        prior=verdicts.prior,
        residual=verdicts.residual,
        predicted=verdicts.predicted,
        confidence=verdicts.confidence,
        avg=np.asarray(features.avg),
        xy=run.map.place(features) if run.has_map and run.map.can_place else np.empty((0, 2), np.float32),
        skipped=np.array(features.skipped, dtype=str),
        files=np.array([str(path) for path in read.files]),
        boxes=np.empty((0, 4)) if read.boxes is None else read.boxes,
        columns=read.columns,
        skipped_columns=images.select(features.skipped).columns,
        notes=np.array(images.notes, dtype=str),
    )


def score_into(run: Run, paths: list[Path], folder: Path, report: Progress = no_progress) -> ScoredImages:
    """Score images and write the result to a folder, which is locked meanwhile and keeps the error of a failure."""
    with lock_output_folder(folder):
        scored = score(run, paths, report)
        scored.save(folder / SCORED)
    return scored


@contextmanager
def lock_output_folder(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; on failure write the error to failed.txt."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with exclusive(folder / SCORE_LOCK, timeout=10, target=folder):
            yield
    except BaseException as error:
        with suppress(OSError):  # the folder itself may not be writable
            (folder / FAILED_FILE).write_text(describe_error(error), encoding="utf-8")
        raise
