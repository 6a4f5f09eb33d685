"""Samples of a run, numbered over all its sets, with their scores and verdicts.

The numbers run through the sets in the order of `Run.datasets` and stay the same as long as the run exists, in every
filter, order, selection and picture; `key` and `find` translate them to and from lasting names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from heat_core.composition import HEAT, PLAIN, Lens
from heat_core.data.image_location import ImageLocation
from heat_core.errors import HeatError
from heat_core.guard.conformal import Calibration
from heat_core.metrics import auroc, fpr95
from heat_core.pipeline.measurements.measurements_file import SetMeasurements, read_measurements
from heat_core.runs.metadata_columns import Columns, concatenate
from heat_core.runs.run import Run
from heat_core.runs.set_record import classes_by_folder
from heat_core.thresholds import threshold95


class Samples:
    """Samples of a run, with the scores and verdicts of its detectors under a lens. Arrays are (N,) over all sets.

    Attributes:
        run: run that scored the samples.
        datasets: names of the sets, the ID test set first.
        has_truth: whether it is known which samples are OOD.
        sizes: number of samples of each set.
        dataset: (N,) number of the set that each sample belongs to; 0 is the ID test set.
        row: (N,) 0-based position of each sample in its set.
        is_id: (N,) whether each sample is of the ID test set, which calibrates thresholds and p-values.
        is_shifted: (N,) whether each sample is of a shifted set: known, but not of the ID test set.
        is_ood: (N,) whether each sample is OOD.
        ids: (N,) stable ids.
        predicted: (N,) number of the predicted class.
        confidence: (N,) softmax probability of the predicted class.
        true_class: (N,) names of the true classes; "" where none is known.
        is_misclassified: (N,) whether the classifier predicts another class than the true one of a known image.
        scores: `scores(detector, lens)` returns (N,) OOD scores; the last 64 results are cached.
        percentile: `percentile(detector, lens)` returns the (N,) share of ID test samples that score lower; cached too.
    """

    has_truth = True

    def __init__(self, run: Run) -> None:
        self.run, self.datasets = run, run.datasets
        self._concatenate(
            [run.ids(name) for name in run.datasets],
            [run.predicted(name) for name in run.datasets],
            [run.confidence(name) for name in run.datasets],
            shifted=len(run.shifted_names),
        )

    def _concatenate(
        self, ids: list[np.ndarray], predicted: list[np.ndarray], confidence: list[np.ndarray], shifted: int = 0
    ) -> None:
        """Fill the arrays over all sets from those of each set, of which the last are shifted; start empty caches."""
        self.sizes, self._shifted = [len(of_set) for of_set in ids], shifted
        self._starts = np.cumsum([0, *self.sizes])
        self.dataset = np.repeat(np.arange(len(self.sizes)), self.sizes)
        self.row = np.arange(len(self.dataset)) - self._starts[self.dataset]
        self.is_id, self.is_shifted = self.dataset == 0, self.dataset >= len(self.sizes) - shifted
        self.is_ood = ~(self.is_id | self.is_shifted)
        self.ids = np.concatenate(ids)
        self.predicted, self.confidence = np.concatenate(predicted), np.concatenate(confidence)
        self.scores = lru_cache(maxsize=64)(self._compute_scores)
        self.percentile = lru_cache(maxsize=64)(self._compute_percentile)

    def __len__(self) -> int:
        return len(self.dataset)

    @property
    def ood_datasets(self) -> list[str]:
        """Names of the OOD sets, or of what takes their place."""
        return self.datasets[1 : len(self.sizes) - self._shifted]

    @property
    def shifted_datasets(self) -> list[str]:
        """Names of the shifted sets."""
        return self.datasets[len(self.sizes) - self._shifted :]

    @cached_property
    def columns(self) -> Columns:
        """Columns of the manifests, name → (N,) numbers (NaN where there is no value) or texts ("" there)."""
        return concatenate(list(zip(self.sizes, self._set_columns(), strict=True)))

    def _set_columns(self) -> list[Columns]:
        return [self.run.columns(name) for name in self.datasets]

    @cached_property
    def true_class(self) -> np.ndarray:
        """(N,) names of the true classes; "" where none is known."""
        ids, labels, names = np.split(self.ids, self._starts[1:-1]), self._set_labels(), [*self.run.class_names, ""]
        classes = [classes_by_folder(*of_set) for of_set in zip(ids, labels, strict=True)]
        for i, of_set in enumerate(labels):
            if of_set is not None and self._has_known_classes(i):
                classes[i] = np.array(names)[np.minimum(of_set, len(names) - 1)]
        return np.concatenate(classes)

    def _has_known_classes(self, i: int) -> bool:
        """Tell whether the labels of the i-th set, if it has any, are in the numbering of the run's classes."""
        if i == 0:
            return self.run.accuracy is not None
        return self.datasets[i] in self.run.shifted_names and self.run.has_classes

    def _set_labels(self) -> list[np.ndarray | None]:
        return [self.run.labels(name) for name in self.datasets]

    @cached_property
    def is_misclassified(self) -> np.ndarray:
        """(N,) whether the classifier predicts another class than the true one of a known image."""
        predicted = np.array(self.run.class_names)[self.predicted]
        judged = np.array([self._has_known_classes(i) for i in range(len(self.sizes))])[self.dataset]
        has_verdict = ~self.is_ood & (self.true_class != "") & judged
        return has_verdict & (predicted != self.true_class)

    @cached_property
    def measurements(self) -> Sequence[SetMeasurements]:
        """Measurements of each set; each of them is None where they were not made, or cannot be read."""
        return read_measurements(self.run).sets

    def number(self, dataset: str, row: int) -> int:
        """Return the number of the sample at a 0-based row of a set."""
        return int(self._starts[self.datasets.index(dataset)] + row)

    def locate(self, number: int) -> tuple[str, int]:
        """Return the set of a sample and its 0-based row in that set.

        Raises:
            HeatError: where the run has no such number.
        """
        if not 0 <= number < len(self):
            raise HeatError(f"This run has no sample {number}: it has {len(self)}.")
        return self.datasets[self.dataset[number]], int(self.row[number])

    def key(self, number: int) -> str:
        """Return the lasting name of a sample, `set/id`, which does not depend on its number."""
        return f"{self.locate(number)[0]}/{self.ids[number]}"

    def find(self, key: str) -> int:
        """Return the number of the sample with a key (`set/id`).

        Raises:
            HeatError: where this run has no such sample.
        """
        for i, name in enumerate(self.datasets):
            if key.startswith(f"{name}/"):
                rows = np.flatnonzero(self.ids[self._starts[i] : self._starts[i + 1]] == key[len(name) + 1 :])
                if len(rows):
                    return int(self._starts[i] + rows[0])
        raise HeatError(f"This run has no sample {key!r}.")

    def _compute_scores(self, detector: str, lens: Lens = PLAIN) -> np.ndarray:
        """Collect the (N,) scores of a detector; only those of `heat` depend on the lens."""
        return np.concatenate([self.run.detector_scores(name, detector, lens) for name in self.run.datasets])

    @property
    def display_ids(self) -> np.ndarray:
        """(N,) ids as people read and search them."""
        return self.ids

    @property
    def detectors(self) -> list[str]:
        """Rows that have a score for every sample, in the order of the tables; those that combine p-values are last."""
        return [*self.run.detectors, *self.run.combined]

    def energies(self) -> np.ndarray:
        """Return the (N, K) standardised hybrid energies."""
        return np.concatenate([self.run.energies(name) for name in self.datasets])

    def energy_terms(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (N, K) E_q / T and (N, K) E_θ."""
        prior = [self.run.prior_energies(name) for name in self.datasets]
        return np.concatenate(prior), np.concatenate([self.run.residual_energies(name) for name in self.datasets])

    def features(self, number: int) -> np.ndarray:
        """Return the (D,) `avg` of a sample.

        Raises:
            HeatError: where its features are no longer on this machine.
        """
        name, _ = self.locate(number)
        return self.run.features_of(name, str(self.ids[number]))

    def image(self, number: int) -> Image.Image:
        """Open the picture of a sample.

        Raises:
            HeatError: where the picture is gone.
        """
        name, _ = self.locate(number)
        return self.run.image(name, str(self.ids[number]))

    def location_of(self, number: int) -> ImageLocation | None:
        """Return the location of a picture of a set that is a folder or manifest; None where it is gone."""
        name, _ = self.locate(number)
        return self.run.pictures.place(name, str(self.ids[number]))

    def path_of(self, number: int) -> Path | None:
        """Return the path of a picture that is a whole file; None for crops and for pictures that are gone."""
        place = self.location_of(number)
        return place.file if place and place.box is None else None

    def picture_query(self, dataset: str) -> dict[str, str]:
        """Return the query parameters that identify the pictures of a set in their address."""
        return {"set": dataset}

    @property
    def has_map(self) -> bool:
        """True if the run has a map of the samples."""
        return self.run.has_map

    def scores_by_set(self, detector: str, lens: Lens = PLAIN) -> dict[str, np.ndarray]:
        """Map the name of each set to the detector's scores on it."""
        scores = self.scores(detector, lens)
        return {name: scores[self.dataset == i] for i, name in enumerate(self.datasets)}

    def threshold(self, detector: str, lens: Lens = PLAIN) -> float:
        """Return the threshold above which the detector calls a sample OOD."""
        return lens.threshold_for(detector, self.scores(detector, lens)[self.is_id])

    def flagged(self, detector: str, lens: Lens = PLAIN) -> np.ndarray:
        """Return the (N,) mask of the samples that the detector calls OOD."""
        return self.scores(detector, lens) > self.threshold(detector, lens)

    def is_correct(self, detector: str, lens: Lens = PLAIN) -> np.ndarray:
        """Return the (N,) mask of correct verdicts: OOD samples detected, known samples kept."""
        return self.flagged(detector, lens) == self.is_ood

    def _compute_percentile(self, detector: str, lens: Lens = PLAIN) -> np.ndarray:
        """Compute the (N,) share of ID test samples that score lower: 0 is most typical, 1 is above all of them."""
        scores = self.scores(detector, lens)
        return share_below(scores[self.is_id], scores)

    def calibration(self, lens: Lens = PLAIN) -> Calibration:
        """Make the calibration of HEAT's scores from the ID test images."""
        return Calibration(self.scores(HEAT, lens)[self.is_id], self.predicted[self.is_id])

    def set_metrics(self, lens: Lens = PLAIN) -> "SetMetrics":
        """Compute HEAT's metrics on every set, as the workbench shows them."""
        by_set = self.scores_by_set(HEAT, lens)
        known, ood = by_set[self.datasets[0]], [by_set[name] for name in self.ood_datasets]
        threshold = self.threshold(HEAT, lens)
        return SetMetrics(
            threshold95=threshold95(known),
            flagged=[int((scores > threshold).sum()) for scores in by_set.values()],
            fpr95=[fpr95(known, scores) for scores in ood],
            auroc=[auroc(known, scores) for scores in ood],
        )

    def map_xy(self) -> np.ndarray:
        """Return the (N, 2) points of the samples on the run's map.

        Raises:
            HeatError: where the run has no map.
        """
        return self.run.map.xy[self.run.map.points_of(self.sizes)]


@dataclass(frozen=True)
class SetMetrics:
    """Metrics of HEAT on every set under a lens.

    Attributes:
        threshold95: threshold that keeps 95 % of the ID test samples.
        flagged: number of samples of each set that are called OOD, in the order of the sets: ID first, shifted last.
        fpr95: FPR95 on each OOD set, in [0, 1].
        auroc: AUROC on each OOD set, in [0, 1].
    """

    threshold95: float
    flagged: list[int]
    fpr95: list[float]
    auroc: list[float]


def share_below(known: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return, for each of `scores`, the share of `known` scores that are lower."""
    return np.searchsorted(np.sort(known), scores) / len(known)


def stratified_sample(samples: Samples, at_most: int, seed: int = 0) -> np.ndarray:
    """Draw about `at_most` samples, from each set in proportion to its size and at least one; return sorted numbers."""
    if len(samples) <= at_most:
        return np.arange(len(samples))
    rng = np.random.default_rng(seed)
    chosen = []
    for i in range(len(samples.datasets)):
        members = np.flatnonzero(samples.dataset == i)
        count = max(int(len(members) * at_most / len(samples)), 1)
        chosen.append(rng.choice(members, count, replace=False))
    return np.sort(np.concatenate(chosen))
