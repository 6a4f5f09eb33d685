"""The training images of a run as samples, beside its known test images, from the scores that were measured."""

from functools import cached_property

import numpy as np

from heat_core.analysis.new_images import NewImages
from heat_core.analysis.samples import Samples
from heat_core.errors import HeatError
from heat_core.pipeline.measurements.measurements_file import SetMeasurements, is_measured, read_measurements
from heat_core.runs.experiment import ID, TRAIN
from heat_core.runs.metadata_columns import Columns
from heat_core.runs.run import Run
from heat_core.runs.scored_images import ScoredImages

#: Kind of images beside those of the test and OOD sets, as addresses name it.
TRAINING = "training"


class TrainingImages(NewImages):
    """Samples of the ID test set of a run and, as second set, of its training images.

    `is_ood` marks the training images, as it marks new ones in `NewImages`. They are not on the map, which is fitted to
    a sample of them. Their keys are `train/id`.

    Args:
        run: run whose images are measured (see `measure`).

    Raises:
        HeatError: where they are not.
    """

    def __init__(self, run: Run) -> None:
        found = read_measurements(run)
        if found.training_scores is None or not is_measured(run):
            raise HeatError(f"The training images of {run.id} have no scores yet: `heat findings {run.id}` makes them.")
        self._found, scores = found, found.training_scores
        scored = ScoredImages(
            ids=run.training_ids,
            prior=scores.prior,
            residual=scores.residual,
            predicted=scores.predicted,
            confidence=scores.confidence,
            avg=np.empty((0, 0), np.float32),
            xy=np.empty((0, 2), np.float32),
            skipped=np.empty(0, str),
        )
        super().__init__(run, scored)
        self.datasets = [ID, TRAIN]
        names = np.array(run.class_names)[scores.labels] if run.has_classes else np.full(len(scored), "")
        self._training_class = names

    @cached_property
    def measurements(self) -> list[SetMeasurements]:
        """Measurements of the ID test set and of the training images."""
        return [self._found.sets[0], self._found.train]

    def _set_columns(self) -> list[Columns]:
        return [self.run.columns(ID), {}]

    @property
    def display_ids(self) -> np.ndarray:
        """(N,) ids as people read and search them."""
        return self.ids

    @cached_property
    def true_class(self) -> np.ndarray:
        """(N,) names of the true classes; "" where none is known."""
        known = np.split(super().true_class, self._starts[1:-1])[0]
        return np.concatenate([known, self._training_class])

    @cached_property
    def is_misclassified(self) -> np.ndarray:
        """(N,) whether the classifier predicts another class than the true one."""
        predicted = np.array(self.run.class_names)[self.predicted]
        return (self.true_class != "") & (self.run.accuracy is not None) & (predicted != self.true_class)


def samples_of_kind(run: Run, kind: str) -> Samples:
    """Return the training images of a run for the kind `TRAINING`, else the samples of its scored sets."""
    return TrainingImages(run) if kind == TRAINING else Samples(run)
