"""Which images look alike to the network: by the cosine of the angle between their features, over all sets of a run."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from heat_core.analysis.samples import Samples
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.runs.experiment import TRAIN
from heat_core.runs.run import Run

_BLOCK = 8192
_MAX_CACHED_BYTES = 400 << 20  # features that are kept in memory, so that the next question is answered at once
_MIN_DUPLICATE_COSINE = 0.98  # cosine from which two images are compared pixel by pixel
_MAX_DUPLICATE_DIFFERENCE = (
    4.0  # mean difference of 8-bit values, below which two pictures are the same but for their encoding
)


@dataclass(frozen=True)
class SimilarImage:
    """An image that is like another one.

    Attributes:
        dataset: the set that it belongs to; `train` for a training image.
        row: where it stands in that set; among the run's training samples for `train`.
        sample: its id.
        cosine: of the angle between the two features.
        is_same: whether it is the same picture, encoded once more or not.
    """

    dataset: str
    row: int
    sample: str
    cosine: float
    is_same: bool = False


class SimilarityIndex:
    """Answers which images of a run are like a feature vector. One object answers many questions quickly."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._unit = lru_cache(maxsize=64)(self._unit_features)

    def _unit_features(self, dataset: str) -> np.ndarray | None:
        """(N, D) float32 of length 1; None where they are too large to be kept."""
        features = self.run.features(dataset)
        if features.avg.shape[0] * features.avg.shape[1] * 4 > _MAX_CACHED_BYTES:
            return None
        return _normalise(np.asarray(features.avg, dtype=np.float32))

    def cosines(self, dataset: str, query: np.ndarray) -> np.ndarray:
        """(N,) cosines of a set's features (`train`: the training set's) with a (D,) vector.

        Raises:
            HeatError: where the features are no longer on this machine, or have another dimension.
        """
        unit = _normalise(np.asarray(query, dtype=np.float32)[None])[0]
        features = self.run.features(dataset)
        if features.avg.shape[1] != len(unit):
            raise HeatError(f"The features of {dataset!r} have {features.avg.shape[1]} dimensions, not {len(unit)}.")
        cached = self._unit(dataset)
        return cached @ unit if cached is not None else _cosines_in_blocks(features, unit)

    def nearest(self, dataset: str, query: np.ndarray, k: int = 6, exclude: str | None = None) -> list[SimilarImage]:
        """The k images of a set that are most like a (D,) vector, nearest first.

        Args:
            dataset: a scored set, or `train`.
            query: (D,) `avg`.
            k: how many.
            exclude: an id that is left out: the image itself.
        """
        cosine = self.cosines(dataset, query)
        ids = self.run.features(dataset).ids
        nearest = np.argpartition(-cosine, min(k, len(cosine) - 1))[: k + 1]
        order = nearest[np.argsort(-cosine[nearest], kind="stable")]
        similar = [SimilarImage(dataset, int(i), str(ids[i]), float(cosine[i])) for i in order if ids[i] != exclude]
        return similar[:k]

    def nearest_samples(
        self, samples: Samples, query: np.ndarray, k: int = 6, exclude: int | None = None
    ) -> list[SimilarImage]:
        """The k scored samples of the run, of all its sets, that are most like a (D,) vector."""
        own = samples.locate(exclude) if exclude is not None else ("", -1)
        similar: list[SimilarImage] = []
        for name in self.run.datasets:
            itself = str(samples.ids[exclude]) if exclude is not None and name == own[0] else None
            similar += self.nearest(name, query, k, itself)
        rows = {name: {str(s): i for i, s in enumerate(self.run.ids(name))} for name in {a.dataset for a in similar}}
        scored = [replace(a, row=rows[a.dataset][a.sample]) for a in similar if a.sample in rows[a.dataset]]
        return sorted(scored, key=lambda a: -a.cosine)[:k]

    def mark_duplicates(self, dataset: str, sample: str, similar: list[SimilarImage]) -> list[SimilarImage]:
        """The same list, those marked that show the same picture as a sample; only close ones are looked at."""
        close = [a for a in similar if a.cosine >= _MIN_DUPLICATE_COSINE]
        if not close:
            return similar
        try:
            pixels = self._thumbnail(dataset, sample)
        except (HeatError, OSError):
            return similar
        return [replace(image, is_same=self._is_same(image, pixels)) if image in close else image for image in similar]

    def _is_same(self, image: SimilarImage, pixels: np.ndarray) -> bool:
        try:
            return bool(
                np.abs(self._thumbnail(image.dataset, image.sample) - pixels).mean() < _MAX_DUPLICATE_DIFFERENCE
            )
        except (HeatError, OSError):
            return False

    def _thumbnail(self, dataset: str, sample: str) -> np.ndarray:
        image = self.run.image(dataset, sample).convert("RGB").resize((32, 32))
        return np.asarray(image, dtype=np.float32)


def most_similar(samples: Samples, index: SimilarityIndex, number: int, k: int = 100) -> np.ndarray:
    """The numbers of the k samples most like a sample, itself first: "more like this"."""
    similar = index.nearest_samples(samples, samples.features(number), k, number)
    return np.array([number, *(samples.number(a.dataset, a.row) for a in similar)])


def nearest_training(run: Run, features: np.ndarray, k: int = 6) -> tuple[list[str], np.ndarray]:
    """The training images whose (D,) `avg` features are most like the given ones: k ids, and their (k,) cosines.

    Raises:
        HeatError: where the training features are no longer on this machine.
    """
    similar = SimilarityIndex(run).nearest(TRAIN, features, k)
    return [a.sample for a in similar], np.array([a.cosine for a in similar], np.float32)


def _normalise(values: np.ndarray) -> np.ndarray:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def _cosines_in_blocks(features: Features, unit: np.ndarray) -> np.ndarray:
    """Cosines of a memory-mapped file that may be larger than the memory."""
    cosine = np.empty(len(features), np.float32)
    for i in range(0, len(features), _BLOCK):
        block = np.asarray(features.avg[i : i + _BLOCK], dtype=np.float32)
        cosine[i : i + _BLOCK] = _normalise(block) @ unit
    return cosine
