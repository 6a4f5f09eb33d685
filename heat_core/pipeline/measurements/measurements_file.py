"""Measurements of a run's images on disk, written and read: `findings.npz`. Reading needs numpy alone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np

from heat_core.errors import HeatError
from heat_core.runs.experiment import TRAIN
from heat_core.runs.results_file import require_format
from heat_core.runs.run import Run
from heat_core.storage import read_npz, write_npz

FINDINGS = "findings.npz"
#: Format of the file. Increase it when a reader of this format would misread what is written.
FORMAT = 1
#: Columns of `SetMeasurements.quality`.
QUALITIES = ("brightness", "contrast", "sharpness", "width", "height", "is_grey")
_REMEDY = "delete it, and `heat findings` makes it again"
_KINDS = {
    "quality": "f",
    "is_mislabelled": "b",
    "label_quality": "f",
    "has_one_class_nearby": "b",
    "is_duplicate": "b",
}


@dataclass(frozen=True)
class SetMeasurements:
    """Measurements of the images of one set, in the order of the run's samples; None where they could not be made.

    Attributes:
        quality: (N, 6) `QUALITIES`, see `image_quality.quality_of`; NaN for a picture that could not be read.
        is_mislabelled: (N,) whether the label is likely wrong.
        label_quality: (N,) held-out probability of the label, in [0, 1]; NaN where there is none.
        has_one_class_nearby: (N,) whether nearly all of the nearest training images are of the predicted class.
        is_duplicate: (N,) whether another image of the run shows the same picture.
    """

    quality: np.ndarray | None = None
    is_mislabelled: np.ndarray | None = None
    label_quality: np.ndarray | None = None
    has_one_class_nearby: np.ndarray | None = None
    is_duplicate: np.ndarray | None = None

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the measurements that there are, by name."""
        return {name: values for name in _KINDS if (values := getattr(self, name)) is not None}

    def fits(self, count: int) -> bool:
        """Tell whether there is one value for each of `count` images, of the kind that it should be."""
        return all(
            values.shape == ((count, len(QUALITIES)) if name == "quality" else (count,))
            and values.dtype.kind == _KINDS[name]
            for name, values in self.arrays().items()
        )


@dataclass(frozen=True)
class TrainingScores:
    """Scores of the training images, in the order of the run's `training_ids`.

    Attributes:
        predicted: (N,) number of the predicted class.
        confidence: (N,) softmax probability of the predicted class.
        prior: (N, K) prior energies E_q / T.
        residual: (N, K) residual energies E_θ.
        labels: (N,) number of the class.
    """

    predicted: np.ndarray
    confidence: np.ndarray
    prior: np.ndarray
    residual: np.ndarray
    labels: np.ndarray

    def fits(self, count: int, classes: int) -> bool:
        """Tell whether the arrays fit `count` images, `classes` classes and one another."""
        codes = all(
            values.shape == (count,) and values.dtype.kind in "iu" and bool(((values >= 0) & (values < classes)).all())
            for values in (self.predicted, self.labels)
        )
        energies = self.prior.shape == self.residual.shape and self.prior.ndim == 2 and len(self.prior) == count
        numbers = (self.confidence, self.prior, self.residual)
        finite = all(values.dtype.kind == "f" and bool(np.isfinite(values).all()) for values in numbers)
        return codes and energies and finite and self.confidence.shape == (count,)


@dataclass(frozen=True)
class Measurements:
    """Measurements of a run's images.

    Attributes:
        sets: those of the scored sets, in the order of `Run.datasets`.
        train: those of the training images.
        training_scores: scores of the training images, or None.
        notes: sentences about what could not be measured.
    """

    sets: tuple[SetMeasurements, ...]
    train: SetMeasurements = field(default_factory=SetMeasurements)
    training_scores: TrainingScores | None = None
    notes: tuple[str, ...] = ()

    def save(self, path: Path) -> None:
        """Write the file, completely or not at all."""
        arrays: dict[str, np.ndarray] = {}
        for prefix, of_set in (*enumerate(self.sets), ("train", self.train)):
            arrays |= {f"{prefix}/{name}": values for name, values in of_set.arrays().items()}
        if self.training_scores is not None:
            arrays |= {f"scores/{name}": values for name, values in self.training_scores.__dict__.items()}
        summary = {"format": FORMAT, "sets": len(self.sets), "notes": self.notes}
        write_npz(path, arrays | {"summary": np.array(json.dumps(summary))})

    @classmethod
    def load(cls, path: Path, sizes: Sequence[int], training_size: int, classes: int) -> Self:
        """Read a file that `save` wrote.

        Args:
            path: path of the file.
            sizes: number of images of each scored set of the run.
            training_size: number of its training images.
            classes: number of its classes.

        Raises:
            HeatError: where the file is missing, damaged, of another format, or not of this run.
        """
        arrays = read_npz(path, _REMEDY)
        try:
            summary = json.loads(str(arrays["summary"]))
            require_format(summary["format"], path)
            found = cls(
                tuple(_of_set(arrays, str(i)) for i in range(int(summary["sets"]))),
                _of_set(arrays, "train"),
                _training_scores(arrays),
                tuple(map(str, summary["notes"])),
            )
        except (LookupError, TypeError, ValueError) as error:
            if isinstance(error, HeatError):
                raise
            raise HeatError(f"{path} does not hold measurements: {_REMEDY}.") from error
        counts = [*sizes, training_size]
        of_sets = [*found.sets, found.train]
        scores = found.training_scores
        if len(of_sets) != len(counts) or not all(s.fits(n) for s, n in zip(of_sets, counts, strict=True)):
            raise HeatError(f"{path} is not of this run's images: {_REMEDY}.")
        if scores is not None and not scores.fits(training_size, classes):
            raise HeatError(f"{path} is damaged, its scores of training images do not fit: {_REMEDY}.")
        return found


def read_measurements(run: Run) -> Measurements:
    """Read the measurements of a run; where there are none, or they cannot be read, every one of them is None.

    The notes say why a file that there is cannot be read.
    """
    nothing, path = tuple(SetMeasurements() for _ in run.datasets), run.folder / FINDINGS
    if not path.exists():
        return Measurements(nothing)
    sizes = [len(run.ids(name)) for name in run.datasets]
    try:
        return Measurements.load(path, sizes, len(run.training_ids), len(run.class_names))
    except HeatError as error:
        return Measurements(nothing, notes=(str(error),))


def require_measurable(run: Run) -> None:
    """Refuse a run that cannot be measured.

    Raises:
        HeatError: where it has no trained residual, or its features are not on this machine.
    """
    if not run.has_energies or not run.priors:
        raise HeatError(f"Run {run.id} has no trained residual yet: wait for it, or resume it.")
    for name in (TRAIN, *run.datasets):
        run.features_folder(name)


def is_measured(run: Run) -> bool:
    """Return whether the run's images were measured, with all of its corrected priors."""
    scores = read_measurements(run).training_scores
    return scores is not None and scores.prior.shape[1] == len(run.priors)


def _of_set(arrays: dict[str, np.ndarray], prefix: str) -> SetMeasurements:
    return SetMeasurements(**{name: arrays.get(f"{prefix}/{name}") for name in _KINDS})


def _training_scores(arrays: dict[str, np.ndarray]) -> TrainingScores | None:
    given: dict[str, Any] = {
        name.removeprefix("scores/"): values for name, values in arrays.items() if name.startswith("scores/")
    }
    return TrainingScores(**given) if given else None
