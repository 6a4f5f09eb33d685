"""New images through a finished run: the same backbone, head, priors and residuals, without the run's own images.

The residuals are read back, the priors are fitted again on the training features that the run kept on disk: seconds,
and nothing more to store.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from filelock import FileLock
from scipy.special import softmax

from heat_core.energies.heat import restore
from heat_core.errors import HeatError, sentence_of
from heat_core.features.backbones import load_backbone
from heat_core.features.datasets import from_files
from heat_core.features.extraction import ExtractionProgress, auto_device, extract
from heat_core.features.features import Features
from heat_core.features.heads import logits_of
from heat_core.runs.events import Progress, silent
from heat_core.runs.experiment import FEATURES, TRAIN
from heat_core.runs.jobs import FAILED_FILE, SCORE_LOCK
from heat_core.runs.record import SCORED, Scored, SetRecord, residual_path
from heat_core.runs.run import Run
from heat_core.storage import writing


class Scorer:
    """A finished run made ready for new images. Nothing of the run is read again, so that it can be sent elsewhere.

    Attributes:
        backbone: its network.
        head: (weight, bias) over the classes.
        parts: the corrected priors, in the order of `run.priors`.

    Raises:
        HeatError: where the run has no residual yet, was made from features, or its training features are gone.
    """

    def __init__(self, run: Run, report: Progress = silent) -> None:
        e = run.experiment
        if e.backbone == FEATURES:
            raise HeatError("This run was made from features: it knows no backbone that could read images.")
        if not run.has_energies or not run.priors:
            raise HeatError(f"Run {run.id} has no trained residual yet: wait for it, or resume it.")
        report("features", f"Loading {e.backbone}.")
        self.backbone, self.head = load_backbone(e.backbone, e.weights, e.image_size), run.head
        report("priors", "Fitting the priors on the run's training features.")
        train, kind = run.features(TRAIN), e.covariance
        self.parts = [restore(p, train, self.head, kind, e.id_set, residual_path(run.folder, p)) for p in run.priors]

    def see(self, features: Features) -> SetRecord:
        """What the run finds of features that its network made of images."""
        logits = logits_of(features, self.head)
        return SetRecord(
            ids=np.array(features.ids),
            labels=None,
            predicted=logits.argmax(axis=1),
            confidence=softmax(logits, axis=1).max(axis=1),
            scores={},
            prior=np.column_stack([p.prior_energy(features) / p.temperature for p in self.parts]),
            residual=np.column_stack([p.residual_energy(features) for p in self.parts]),
        )


def score(run: Run, paths: list[Path], report: Progress = silent) -> Scored:
    """Score images (files, or folders of them) with a run.

    Raises:
        HeatError: as `Scorer`, or where no image can be read.
    """
    images = from_files(paths)
    for note in images.notes:
        report("features", note)
    scorer = Scorer(run, report)

    def progress(record: ExtractionProgress) -> None:
        report("features", f"{record['done']} of {record['total']} images", **record)

    size = run.experiment.batch_size
    features = extract(scorer.backbone, images, auto_device(), size, on_progress=progress)
    found, read = scorer.see(features), images.those(features.ids)
    return Scored(
        ids=found.ids,
        prior=found.prior,
        residual=found.residual,
        predicted=found.predicted,
        confidence=found.confidence,
        avg=np.asarray(features.avg),
        xy=run.map.place(features) if run.has_map and run.map.can_place else np.empty((0, 2), np.float32),
        skipped=np.array(features.skipped, dtype=str),
        files=np.array([str(path) for path in read.files]),
        boxes=np.empty((0, 4)) if read.boxes is None else read.boxes,
        columns=read.columns,
        notes=np.array(images.notes, dtype=str),
    )


def score_into(run: Run, paths: list[Path], folder: Path, report: Progress = silent) -> Scored:
    """Score images and keep the result in a folder; while it works it holds a lock there, and its error stays there."""
    with in_sight(folder):
        scored = score(run, paths, report)
        scored.save(folder / SCORED)
    return scored


@contextmanager
def _held(path: Path) -> Iterator[None]:
    lock = FileLock(path, timeout=10)
    with writing(path):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def in_sight(folder: Path) -> Iterator[None]:
    """Let a reader of the folder see that somebody is at it, and learn it when nothing more will come."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with _held(folder / SCORE_LOCK):
            yield
    except BaseException as error:
        with suppress(OSError):  # the folder may be what cannot be written
            (folder / FAILED_FILE).write_text(sentence_of(error), encoding="utf-8")
        raise
