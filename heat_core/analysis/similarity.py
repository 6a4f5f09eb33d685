"""Similar images over all sets of a run, by the cosine similarity of their features."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from heat_core.analysis.samples import Samples
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.runs.experiment import TRAIN
from heat_core.runs.run import Run

_MIN_DUPLICATE_COSINE = 0.98  # cosine similarity above which two pictures are compared pixel by pixel
_MAX_DUPLICATE_DIFFERENCE = 4.0  # mean difference of 8-bit values below which two pictures count as the same


@dataclass(frozen=True)
class SimilarImage:
    """An image that is similar to another one.

    Attributes:
        dataset: name of its set; `train` for a training image.
        row: 0-based position in that set; for `train`, among the run's training samples.
        sample: id of the image.
        cosine: cosine similarity of the two features, in [-1, 1].
        is_same: whether it shows the same picture, perhaps in another encoding.
    """

    dataset: str
    row: int
    sample: str
    cosine: float
    is_same: bool = False


class SimilarityIndex:
    """Index of a run's features that finds the images most similar to a vector.

    Args:
        run: run whose images are compared.
        max_cached_bytes: largest size in bytes of a set's features that are kept in memory for the next query.
        block: rows that are read at a time from features that are not kept in memory.
    """

    def __init__(self, run: Run, max_cached_bytes: int = 400 << 20, block: int = 8192) -> None:
        self.run, self.max_cached_bytes, self.block = run, max_cached_bytes, block
        self._unit = lru_cache(maxsize=64)(self._unit_features)

    def _unit_features(self, dataset: str) -> np.ndarray | None:
        """Return the (N, D) float32 features of a set, each of length 1; None where they are too large for memory."""
        features = self.run.features(dataset)
        if features.avg.shape[0] * features.avg.shape[1] * 4 > self.max_cached_bytes:
            return None
        return _normalise(np.asarray(features.avg, dtype=np.float32))

    def cosines(self, dataset: str, query: np.ndarray) -> np.ndarray:
        """Compute the (N,) cosine similarities of a set's features with a (D,) vector.

        Args:
            dataset: a scored set, or `train`.
            query: (D,) vector.

        Raises:
            HeatError: where the features are no longer on this machine, or have another dimension.
        """
        unit = _normalise(np.asarray(query, dtype=np.float32)[None])[0]
        features = self.run.features(dataset)
        if features.avg.shape[1] != len(unit):
            raise HeatError(f"The features of {dataset!r} have {features.avg.shape[1]} dimensions, not {len(unit)}.")
        cached = self._unit(dataset)
        return cached @ unit if cached is not None else _cosines_in_blocks(features, unit, self.block)

    def nearest(self, dataset: str, query: np.ndarray, k: int = 6, exclude: str | None = None) -> list[SimilarImage]:
        """Find the k images of a set that are most similar to a (D,) vector, most similar first.

        Args:
            dataset: a scored set, or `train`.
            query: (D,) `avg` of an image.
            k: number of images.
            exclude: id to leave out, usually that of the image itself.
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
        """Find the k scored samples over all sets of the run that are most similar to a (D,) vector.

        Args:
            samples: samples of the run.
            query: (D,) `avg` of an image.
            k: number of samples.
            exclude: number of a sample to leave out, usually the image itself.
        """
        own = samples.locate(exclude) if exclude is not None else ("", -1)
        similar: list[SimilarImage] = []
        for name in self.run.datasets:
            itself = str(samples.ids[exclude]) if exclude is not None and name == own[0] else None
            similar += self.nearest(name, query, k, itself)
        rows = {name: {str(s): i for i, s in enumerate(self.run.ids(name))} for name in {a.dataset for a in similar}}
        scored = [replace(a, row=rows[a.dataset][a.sample]) for a in similar if a.sample in rows[a.dataset]]
        return sorted(scored, key=lambda a: -a.cosine)[:k]

    def mark_duplicates(self, dataset: str, sample: str, similar: list[SimilarImage]) -> list[SimilarImage]:
        """Mark the neighbours that show the same picture as `sample`.

        Only neighbours with a cosine similarity of at least 0.98 are compared, at 32 × 32 pixels. Where the picture of
        the sample is gone, the list is returned as it is.
        """
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
    """Return the number of a sample followed by those of the k samples most similar to it."""
    similar = index.nearest_samples(samples, samples.features(number), k, number)
    return np.array([number, *(samples.number(a.dataset, a.row) for a in similar)])


def nearest_training(run: Run, features: np.ndarray, k: int = 6) -> tuple[list[str], np.ndarray]:
    """Find the k training images whose `avg` features are most similar to a (D,) vector.

    Returns:
        Their ids, and their (k,) cosine similarities, largest first.

    Raises:
        HeatError: where the training features are no longer on this machine.
    """
    similar = SimilarityIndex(run).nearest(TRAIN, features, k)
    return [a.sample for a in similar], np.array([a.cosine for a in similar], np.float32)


def _normalise(values: np.ndarray) -> np.ndarray:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def _cosines_in_blocks(features: Features, unit: np.ndarray, block: int) -> np.ndarray:
    """Compute cosine similarities block by block, for memory-mapped features that may be larger than memory."""
    cosine = np.empty(len(features), np.float32)
    for i in range(0, len(features), block):
        part = np.asarray(features.avg[i : i + block], dtype=np.float32)
        cosine[i : i + block] = _normalise(part) @ unit
    return cosine
