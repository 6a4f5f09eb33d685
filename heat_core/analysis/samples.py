"""Every scored sample of a run under one number, and what the detectors say of it.

The numbers run through the sets in the order of `Run.datasets`. They mean the same sample as long as the run lives, in
every filter, sort, selection and picture; `key` and `find` translate them to and from names that a person can keep.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from heat_core.composition import HEAT, PLAIN, Lens
from heat_core.data.image_location import ImageLocation
from heat_core.errors import HeatError
from heat_core.guard.conformal import Calibration
from heat_core.metrics import auroc, fpr95, threshold95
from heat_core.runs.metadata_columns import Columns, concatenate
from heat_core.runs.run import Run


class Samples:
    """The samples of a run, and what each detector says of them through a lens. Arrays are (N,) over all sets.

    Attributes:
        run: whose samples they are.
        datasets: the names of the sets, the ID test set first.
        has_truth: whether it is known which of them are OOD.
        dataset: (N,) number of the set that each belongs to; 0 is the ID test set.
        row: (N,) where it stands in that set.
        is_ood: (N,) whether it should be called OOD.
        ids: (N,) stable ids.
        predicted: (N,) the class that the classifier sees.
        confidence: (N,) the softmax probability of it.
    """

    has_truth = True

    def __init__(self, run: Run) -> None:
        self.run, self.datasets = run, run.datasets
        self._concatenate(
            [run.ids(name) for name in run.datasets],
            [run.predicted(name) for name in run.datasets],
            [run.confidence(name) for name in run.datasets],
        )

    def _concatenate(self, ids: list[np.ndarray], predicted: list[np.ndarray], confidence: list[np.ndarray]) -> None:
        """Number the samples of the sets through."""
        self.sizes = [len(of_set) for of_set in ids]
        self._starts = np.cumsum([0, *self.sizes])
        self.dataset = np.repeat(np.arange(len(self.sizes)), self.sizes)
        self.row = np.arange(len(self.dataset)) - self._starts[self.dataset]
        self.is_ood = self.dataset > 0
        self.ids = np.concatenate(ids)
        self.predicted, self.confidence = np.concatenate(predicted), np.concatenate(confidence)
        self.scores = lru_cache(maxsize=64)(self._compute_scores)
        self.percentile = lru_cache(maxsize=64)(self._compute_percentile)

    def __len__(self) -> int:
        return len(self.dataset)

    @cached_property
    def columns(self) -> Columns:
        """Name → (N,) what manifests say of the samples: numbers (NaN where nothing is said) or texts ("" there)."""
        return concatenate(list(zip(self.sizes, self._set_columns(), strict=True)))

    def _set_columns(self) -> list[Columns]:
        """Of each set."""
        return [self.run.columns(name) for name in self.datasets]

    def number(self, dataset: str, row: int) -> int:
        return int(self._starts[self.datasets.index(dataset)] + row)

    def locate(self, number: int) -> tuple[str, int]:
        """(set, row in it)."""
        if not 0 <= number < len(self):
            raise HeatError(f"This run has no sample {number}: it has {len(self)}.")
        return self.datasets[self.dataset[number]], int(self.row[number])

    def key(self, number: int) -> str:
        """`set/id`, which stays the same whatever is filtered, sorted or run again."""
        return f"{self.locate(number)[0]}/{self.ids[number]}"

    def find(self, key: str) -> int:
        """The number of a key; HeatError where this run has no such sample."""
        for i, name in enumerate(self.datasets):
            if key.startswith(f"{name}/"):
                rows = np.flatnonzero(self.ids[self._starts[i] : self._starts[i + 1]] == key[len(name) + 1 :])
                if len(rows):
                    return int(self._starts[i] + rows[0])
        raise HeatError(f"This run has no sample {key!r}.")

    def _compute_scores(self, detector: str, lens: Lens = PLAIN) -> np.ndarray:
        """A detector's scores; the lens composes `heat` and changes no other."""
        return np.concatenate([self.run.detector_scores(name, detector, lens) for name in self.run.datasets])

    @property
    def display_ids(self) -> np.ndarray:
        """(N,) the ids as people read and search them."""
        return self.ids

    @property
    def detectors(self) -> list[str]:
        """Those that have a score of every sample, in the order of the tables."""
        return self.run.detectors

    def energies(self) -> np.ndarray:
        """(N, K) standardised hybrid energies."""
        return np.concatenate([self.run.energies(name) for name in self.datasets])

    def energy_terms(self) -> tuple[np.ndarray, np.ndarray]:
        """(N, K) E_q / T and (N, K) E_θ."""
        prior = [self.run.prior_energies(name) for name in self.datasets]
        return np.concatenate(prior), np.concatenate([self.run.residual_energies(name) for name in self.datasets])

    def features(self, number: int) -> np.ndarray:
        """(D,) `avg` of a sample; HeatError where it is no longer on this machine."""
        name, _ = self.locate(number)
        return self.run.features_of(name, str(self.ids[number]))

    def image(self, number: int) -> Image.Image:
        """The picture of a sample; HeatError where it is gone."""
        name, _ = self.locate(number)
        return self.run.image(name, str(self.ids[number]))

    def location_of(self, number: int) -> ImageLocation | None:
        """Where the picture lies, for sets that are folders or manifests; None where it is gone."""
        name, _ = self.locate(number)
        return self.run.pictures.place(name, str(self.ids[number]))

    def path_of(self, number: int) -> Path | None:
        """The same of pictures that are whole files."""
        place = self.location_of(number)
        return place.file if place and place.box is None else None

    def picture_query(self, dataset: str) -> dict[str, str]:
        """What names the pictures of a set to whoever serves them."""
        return {"set": dataset}

    @property
    def has_map(self) -> bool:
        """Whether they have a place on a map."""
        return self.run.has_map

    def scores_by_set(self, detector: str, lens: Lens = PLAIN) -> dict[str, np.ndarray]:
        """The detector's scores of each set, under its name."""
        scores = self.scores(detector, lens)
        return {name: scores[self.dataset == i] for i, name in enumerate(self.datasets)}

    def threshold(self, detector: str, lens: Lens = PLAIN) -> float:
        """Above it a sample is called OOD."""
        return lens.threshold_for(detector, self.scores(detector, lens)[~self.is_ood])

    def flagged(self, detector: str, lens: Lens = PLAIN) -> np.ndarray:
        """Whether the detector calls each sample OOD."""
        return self.scores(detector, lens) > self.threshold(detector, lens)

    def is_correct(self, detector: str, lens: Lens = PLAIN) -> np.ndarray:
        """Whether that is right: OOD samples flagged, ID samples kept."""
        return self.flagged(detector, lens) == self.is_ood

    def _compute_percentile(self, detector: str, lens: Lens = PLAIN) -> np.ndarray:
        """Share of ID test samples that score lower: 0 = most typical, 1 = beyond all of them."""
        scores = self.scores(detector, lens)
        return share_below(scores[~self.is_ood], scores)

    def calibration(self, lens: Lens = PLAIN) -> Calibration:
        """The ID test images: what conformal p-values of HEAT's scores count among."""
        return Calibration(self.scores(HEAT, lens)[~self.is_ood], self.predicted[~self.is_ood])

    def set_metrics(self, lens: Lens = PLAIN) -> "SetMetrics":
        """HEAT's exact numbers on every set, as the workbench shows them."""
        known, *ood = self.scores_by_set(HEAT, lens).values()
        threshold = self.threshold(HEAT, lens)
        return SetMetrics(
            threshold95=threshold95(known),
            flagged=[int((scores > threshold).sum()) for scores in (known, *ood)],
            fpr95=[fpr95(known, scores) for scores in ood],
            auroc=[auroc(known, scores) for scores in ood],
        )

    def map_xy(self) -> np.ndarray:
        """(N, 2) where each sample lies on the run's map; HeatError where there is none."""
        return self.run.map.xy[self.run.map.points_of(self.sizes)]


@dataclass(frozen=True)
class SetMetrics:
    """What HEAT says of every set through a lens.

    Attributes:
        threshold95: the threshold that 95 % of the ID test samples stay below.
        flagged: how many samples of each set are called OOD, ID first.
        fpr95: of each OOD set.
        auroc: of each OOD set.
    """

    threshold95: float
    flagged: list[int]
    fpr95: list[float]
    auroc: list[float]


def share_below(known: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Share of `known` scores that are lower than each of `scores`."""
    return np.searchsorted(np.sort(known), scores) / len(known)


def stratified_sample(samples: Samples, at_most: int, seed: int = 0) -> np.ndarray:
    """Sorted numbers of at most `at_most` samples, every set with its share of them and none left out."""
    if len(samples) <= at_most:
        return np.arange(len(samples))
    rng = np.random.default_rng(seed)
    chosen = []
    for i in range(len(samples.datasets)):
        members = np.flatnonzero(samples.dataset == i)
        count = max(int(len(members) * at_most / len(samples)), 1)
        chosen.append(rng.choice(members, count, replace=False))
    return np.sort(np.concatenate(chosen))
