"""Last stage of a run: what is measured of its images beside their scores. Whatever fails is left out and said."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import numpy as np
from scipy.special import softmax

from heat_core.energies.corrected_prior import CorrectedPrior
from heat_core.energies.hybrid_model import hybrid_energies
from heat_core.errors import Cancelled, HeatError, describe_error
from heat_core.features.heads import logits_of
from heat_core.pipeline.build_guard import restore_parts
from heat_core.pipeline.copies.near_duplicates import LoadedSet, mark_near_duplicates
from heat_core.pipeline.make_map import features_in_order
from heat_core.pipeline.measurements.image_quality import measure_quality
from heat_core.pipeline.measurements.label_issues import find_label_issues, held_out_probabilities, require_cleanlab
from heat_core.pipeline.measurements.measurements_file import (
    FINDINGS,
    Measurements,
    SetMeasurements,
    TrainingScores,
    is_measured,
    require_measurable,
)
from heat_core.pipeline.measurements.training_neighbours import has_one_class_nearby
from heat_core.pipeline.provenance import require_same_avg
from heat_core.progress import RateLimiter
from heat_core.runs.events import Event, Progress, record_side_job
from heat_core.runs.experiment import FEATURES, ID, TRAIN
from heat_core.runs.run import Run

STAGE = "findings"
T = TypeVar("T")


def make_findings(run: Run, on_event: Callable[[Event], None] = lambda _: None) -> None:
    """Measure the images of a finished run and write `findings.npz`; the run's status stays unchanged.

    Raises:
        HeatError: where the run has no trained residual, another process works on it, or its features are not on this
            machine or no longer those that it was made from.
    """
    require_measurable(run)
    with record_side_job(run.folder, on_event, STAGE) as progress:
        measure(run, progress)


def measure(run: Run, report: Progress, parts: Sequence[CorrectedPrior] | None = None) -> None:
    """Measure the images of a run and write `findings.npz`.

    Args:
        run: run with at least one trained residual.
        report: receives a stage and a sentence at every step.
        parts: the run's corrected priors; None: they are restored from its folder.

    Raises:
        HeatError: where the features are not on this machine, or are not those of the run.
    """
    stage = _Stage(run, report)
    require_same_avg(run.folder, stage.sets)
    scores = stage.attempt("Scoring the training images.", lambda: stage.score_training(parts))
    quality = stage.attempt("Measuring the quality of the images.", stage.quality) or {}
    duplicates = stage.attempt("Looking for near-duplicates.", stage.duplicates) or {}
    nearby = stage.attempt("Looking at the nearest training images.", stage.neighbours) or {}
    issues = stage.attempt("Looking for labels that are likely wrong.", stage.label_issues) or {}
    found = {
        name: SetMeasurements(
            quality=quality.get(name),
            is_mislabelled=issues[name][0] if name in issues else None,
            label_quality=issues[name][1] if name in issues else None,
            has_one_class_nearby=nearby.get(name),
            is_duplicate=duplicates.get(name),
        )
        for name in stage.sets
    }
    of_train = found.pop(TRAIN)
    Measurements(tuple(found.values()), of_train, scores, tuple(stage.notes)).save(run.folder / FINDINGS)
    report(STAGE, "The images are measured.")


class _Stage:
    """Steps of the stage, each of which may fail by itself.

    Attributes:
        sets: `train` and each scored set → its features, in the order of the run's samples.
        notes: sentences about what could not be measured.
    """

    def __init__(self, run: Run, report: Progress) -> None:
        self.run, self.report = run, report
        self.notes: list[str] = []
        self.sets = {name: features_in_order(run, name) for name in (TRAIN, *run.datasets)}

    def attempt(self, message: str, step: Callable[[], T]) -> T | None:
        """Report a step and run it; where it fails, the reason becomes a note, and the result is None."""
        self.report(STAGE, message)
        try:
            return step()
        except Cancelled:
            raise
        except Exception as error:  # the run is finished whatever happens here
            self._say(describe_error(error))
            return None

    def _say(self, sentence: str) -> None:
        self.notes.append(sentence)
        self.report(STAGE, sentence)

    def score_training(self, parts: Sequence[CorrectedPrior] | None) -> TrainingScores:
        """Score the training images as the scored sets are."""
        train = self.sets[TRAIN]
        logits = logits_of(train, self.run.head)
        given = parts if parts is not None else restore_parts(self.run, train, self.run.priors)
        prior, residual = hybrid_energies(given, train)
        return TrainingScores(
            predicted=logits.argmax(axis=1).astype(np.int32),
            confidence=softmax(logits, axis=1).max(axis=1).astype(np.float32),
            prior=prior.astype(np.float32),
            residual=residual.astype(np.float32),
            labels=np.asarray(train.required_labels("The training set"), np.int32),
        )

    def quality(self) -> dict[str, np.ndarray]:
        """Measure the quality of the pictures of the scored sets."""
        if self.run.experiment.backbone == FEATURES:
            return {}
        return {name: self._quality_of(name) for name in self.run.datasets}

    def _quality_of(self, name: str) -> np.ndarray:
        ids, is_due = self.sets[name].ids, RateLimiter(0.5)

        def on_batch(done: int) -> None:
            if is_due():
                self.report(STAGE, f"{name}: {done} of {len(ids)} images", done=done, total=len(ids))

        pictures = self.run.pictures
        pictures.of(name)  # opened here, before threads ask for it
        quality = measure_quality(partial(pictures.image, name), ids, on_batch)
        if unread := int(np.isnan(quality[:, 0]).sum()):
            self._say(f"{unread:,} pictures of {name!r} could not be read again: their quality is not known.")
        return quality

    def duplicates(self) -> dict[str, np.ndarray]:
        """Mark the near-duplicates within and across all sets."""
        if self.run.experiment.backbone == FEATURES:
            return {}
        sets = {name: LoadedSet(features, self.run.pictures.of(name)) for name, features in self.sets.items()}
        marks, is_complete = mark_near_duplicates(sets, self.run.shifted_names)
        if not is_complete:
            self._say("There are more images than were compared: further near-duplicates are possible.")
        return marks

    def neighbours(self) -> dict[str, np.ndarray]:
        """Tell of each scored image whether nearly all of its nearest training images are of the predicted class."""
        train = self.sets[TRAIN]
        return {
            name: has_one_class_nearby(self.sets[name], self.run.predicted(name), train) for name in self.run.datasets
        }

    def label_issues(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Find likely wrong labels of training images, and of known images with the classes of the training set."""
        if not self.run.has_classes:
            return {}
        require_cleanlab()
        found = {}
        # Shares are of all known images, so that without classes of the ID test set there is none.
        for name in (ID, *self.run.shifted_names) if self.run.accuracy is not None else ():
            if (labels := self.run.labels(name)) is not None:
                found[name] = find_label_issues(labels, softmax(logits_of(self.sets[name], self.run.head), axis=1))
        train = self.sets[TRAIN]
        train_labels = train.required_labels("The training set")
        probabilities = self.attempt(
            "Fitting heads without a fifth of the images each.",
            lambda: held_out_probabilities(train.avg, train_labels),
        )
        if probabilities is not None:
            found[TRAIN] = find_label_issues(train_labels, probabilities)
        return found


def measure_at_end(run: Run, report: Progress, parts: Sequence[CorrectedPrior]) -> None:
    """Measure the images at the end of a run, which a failure does not change."""
    try:
        if not is_measured(run):
            measure(run, report, parts)
    except (HeatError, OSError) as error:
        report(STAGE, f"The images are not measured: {describe_error(error)}")
