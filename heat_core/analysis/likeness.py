"""Which images look alike to the network: by the cosine of the angle between their features, over all sets of a run."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from heat_core.analysis.samples import Samples
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.runs.experiment import TRAIN
from heat_core.runs.run import Run

_BLOCK = 8192
_KEPT = 400 << 20  # bytes of features that are kept in memory, so that the next question is answered at once
_MAYBE_SAME = 0.98  # cosine from which two images are compared pixel by pixel
_SAME = 4.0  # mean difference of 8-bit values, below which two pictures are the same but for their encoding


@dataclass(frozen=True)
class Alike:
    """An image that is like another one.

    Attributes:
        dataset: the set that it belongs to; `train` for a training image.
        row: where it stands in that set; among the run's training samples for `train`.
        sample: its id.
        cosine: of the angle between the two features.
        same: whether it is the same picture, encoded once more or not.
    """

    dataset: str
    row: int
    sample: str
    cosine: float
    same: bool = False


class Likeness:
    """Answers which images of a run are like a feature vector. One object answers many questions quickly."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._unit = lru_cache(maxsize=64)(self._unit_features)

    def _unit_features(self, dataset: str) -> np.ndarray | None:
        """(N, D) float32 of length 1; None where they are too large to be kept."""
        features = self.run.features(dataset)
        if features.avg.shape[0] * features.avg.shape[1] * 4 > _KEPT:
            return None
        return _normalised(np.asarray(features.avg, dtype=np.float32))

    def cosines(self, dataset: str, query: np.ndarray) -> np.ndarray:
        """(N,) cosines of a set's features (`train`: the training set's) with a (D,) vector.

        Raises:
            HeatError: where the features are no longer on this machine, or have another dimension.
        """
        unit = _normalised(np.asarray(query, dtype=np.float32)[None])[0]
        features = self.run.features(dataset)
        if features.avg.shape[1] != len(unit):
            raise HeatError(f"The features of {dataset!r} have {features.avg.shape[1]} dimensions, not {len(unit)}.")
        kept = self._unit(dataset)
        return kept @ unit if kept is not None else _in_blocks(features, unit)

    def nearest(self, dataset: str, query: np.ndarray, k: int = 6, but: str | None = None) -> list[Alike]:
        """The k images of a set that are most like a (D,) vector, nearest first.

        Args:
            dataset: a scored set, or `train`.
            query: (D,) `avg`.
            k: how many.
            but: an id that is left out: the image itself.
        """
        cosine = self.cosines(dataset, query)
        ids = self.run.features(dataset).ids
        most = np.argpartition(-cosine, min(k, len(cosine) - 1))[: k + 1]
        order = most[np.argsort(-cosine[most], kind="stable")]
        found = [Alike(dataset, int(i), str(ids[i]), float(cosine[i])) for i in order if ids[i] != but]
        return found[:k]

    def nearest_samples(self, samples: Samples, query: np.ndarray, k: int = 6, but: int | None = None) -> list[Alike]:
        """The k scored samples of the run, of all its sets, that are most like a (D,) vector."""
        own = samples.locate(but) if but is not None else ("", -1)
        found = []
        for name in self.run.datasets:
            itself = str(samples.ids[but]) if but is not None and name == own[0] else None
            found += self.nearest(name, query, k, itself)
        rows = {name: {str(s): i for i, s in enumerate(self.run.ids(name))} for name in {a.dataset for a in found}}
        found = [
            Alike(a.dataset, rows[a.dataset][a.sample], a.sample, a.cosine)
            for a in found
            if a.sample in rows[a.dataset]
        ]
        return sorted(found, key=lambda a: -a.cosine)[:k]

    def told_same(self, dataset: str, sample: str, found: list[Alike]) -> list[Alike]:
        """The same list, those marked that show the same picture as a sample; only close ones are looked at."""
        close = [a for a in found if a.cosine >= _MAYBE_SAME]
        if not close:
            return found
        try:
            own = self._small(dataset, sample)
        except (HeatError, OSError):
            return found
        return [Alike(a.dataset, a.row, a.sample, a.cosine, self._is_same(a, own)) if a in close else a for a in found]

    def _is_same(self, alike: Alike, own: np.ndarray) -> bool:
        try:
            return bool(np.abs(self._small(alike.dataset, alike.sample) - own).mean() < _SAME)
        except (HeatError, OSError):
            return False

    def _small(self, dataset: str, sample: str) -> np.ndarray:
        image = self.run.image(dataset, sample).convert("RGB").resize((32, 32))
        return np.asarray(image, dtype=np.float32)


def most_alike(samples: Samples, likeness: Likeness, number: int, k: int = 100) -> np.ndarray:
    """The numbers of the k samples most like a sample, itself first: "more like this"."""
    found = likeness.nearest_samples(samples, samples.features(number), k, number)
    return np.array([number, *(samples.number(a.dataset, a.row) for a in found)])


def nearest_training(run: Run, features: np.ndarray, k: int = 6) -> tuple[list[str], np.ndarray]:
    """The training images whose (D,) `avg` features are most like the given ones: k ids, and their (k,) cosines.

    Raises:
        HeatError: where the training features are no longer on this machine.
    """
    found = Likeness(run).nearest(TRAIN, features, k)
    return [a.sample for a in found], np.array([a.cosine for a in found], np.float32)


def _normalised(values: np.ndarray) -> np.ndarray:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def _in_blocks(features: Features, unit: np.ndarray) -> np.ndarray:
    """Cosines of a memory-mapped file that may be larger than the memory."""
    cosine = np.empty(len(features), np.float32)
    for i in range(0, len(features), _BLOCK):
        block = np.asarray(features.avg[i : i + _BLOCK], dtype=np.float32)
        cosine[i : i + _BLOCK] = _normalised(block) @ unit
    return cosine
