"""UMAP maps: the points that they are fitted to, the sample of each point, and the positions of new samples.

`heat_core.pipeline.umap_process` fits them. Importing this module imports no torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from heat_core.energies.views import VIEWS
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.storage import read_npz, write_npz

MAP_FILE = "map.npz"
NEIGHBOURS = 15  # number of neighbours for UMAP and for placing new samples
MAX_TRAIN = 2000
_TRAINING = -1  # index of the training set in `dataset`
_COMPONENTS = 50
_VIEW = VIEWS["gmm"]


@dataclass(frozen=True)
class FeatureMap:
    """Map of every scored sample of a run and of a sample of its training set.

    Attributes:
        xy: (M, 2) float32 coordinates.
        dataset: (M,) index of the scored set, or -1 for training.
        row: (M,) row in that set.
        reduced: (M, P) principal components of the points, which `place` reads.
        mean: (D,) mean that is subtracted before the projection; None in maps that cannot place new samples.
        axes: (P, D) directions of the components.
    """

    xy: np.ndarray
    dataset: np.ndarray
    row: np.ndarray
    reduced: np.ndarray | None = None
    mean: np.ndarray | None = None
    axes: np.ndarray | None = None

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a fitted map.

        Raises:
            HeatError: where the file is missing or damaged.
        """
        try:
            feature_map = cls(**read_npz(path))
        except TypeError as error:
            raise HeatError(f"{path} does not hold a map: delete it and resume the run.") from error
        if not feature_map._is_valid():
            raise HeatError(f"{path} is damaged, its points do not fit one another: delete it and resume the run.")
        return feature_map

    def _is_valid(self) -> bool:
        """Tell whether the arrays fit one another."""
        n = len(self.xy)
        if self.xy.shape != (n, 2) or not self.dataset.shape == self.row.shape == (n,) or n == 0:
            return False
        kinds = self.dataset.dtype.kind, self.row.dtype.kind, self.xy.dtype.kind
        return kinds == ("i", "i", "f") and self._has_valid_axes() and bool(np.isfinite(self.xy).all())

    def _has_valid_axes(self) -> bool:
        """Tell whether the arrays that `place` reads fit one another, where there are any."""
        if self.reduced is None or self.mean is None or self.axes is None:
            return True
        parts = (self.reduced, self.mean, self.axes)
        if any(p.dtype.kind != "f" for p in parts) or self.axes.ndim != 2 or self.reduced.ndim != 2:
            return False
        fits = len(self.reduced) == len(self.xy) and self.reduced.shape[1] == len(self.axes)
        return fits and self.mean.shape == (self.axes.shape[1],) and all(bool(np.isfinite(p).all()) for p in parts)

    def require_all_of(self, sizes: Sequence[int], path: Path) -> None:
        """Refuse a map in which a scored sample has no point, or a point no sample.

        Args:
            sizes: number of samples of each scored set.
            path: file of the map, for the error.

        Raises:
            HeatError: where the map does not fit the sets.
        """
        counts = [int((self.dataset == i).sum()) for i in range(len(sizes))]
        inside = all(set(self.row[self.dataset == i].tolist()) == set(range(size)) for i, size in enumerate(sizes))
        if counts != list(sizes) or not inside or self.dataset.max() >= len(sizes) or self.dataset.min() < _TRAINING:
            raise HeatError(f"{path} is not the map of this run's samples: delete it and resume the run.")

    @property
    def training_xy(self) -> np.ndarray:
        """(m, 2) points of training samples."""
        return self.xy[self.dataset == _TRAINING]

    def points_of(self, sizes: Sequence[int]) -> np.ndarray:
        """Return the (N,) index of the point of every scored sample, in the order of the sets.

        Args:
            sizes: number of samples of each set.
        """
        starts = np.cumsum([0, *sizes])
        place = np.zeros(starts[-1], np.int64)
        scored = np.flatnonzero(self.dataset != _TRAINING)
        place[starts[self.dataset[scored]] + self.row[scored]] = scored
        return place

    @property
    def can_place(self) -> bool:
        """Whether new samples can be placed on the map."""
        return self.axes is not None

    def place(self, features: Features) -> np.ndarray:
        """Place new samples on the map: (N, 2) float32.

        The position is the initial one of UMAP's `transform`: the mean of the 15 nearest mapped points, weighted by
        exp(-(d - d₁) / σ) with d₁ the distance to the nearest and σ the mean of d - d₁. (The further optimisation of
        `transform` needs the fitted object, which could only be stored as a pickle.)

        Raises:
            HeatError: where the map cannot place new samples.
        """
        if self.reduced is None or self.mean is None or self.axes is None:
            raise HeatError("This map cannot place new images: start the run again to make one that can.")
        known = self.reduced.astype(np.float32)
        reduced = (_VIEW.array(features) - self.mean.astype(np.float32)) @ self.axes.astype(np.float32).T
        k = min(NEIGHBOURS, len(known))
        placed = np.empty((len(reduced), 2), np.float32)
        for i, point in enumerate(reduced):
            squared = ((known - point) ** 2).sum(axis=1)
            nearest = np.argpartition(squared, k - 1)[:k]
            distance = np.sqrt(squared[nearest])
            beyond = distance - distance.min()
            weight = np.exp(-beyond / max(beyond.mean(), 1e-12))
            placed[i] = weight @ self.xy[nearest] / weight.sum()
        return placed


def write_points(path: Path, train: Features, scored: list[Features], seed: int = 0) -> None:
    """Write the points of a map: every scored sample and a sample of at most 2,000 of the training set.

    The map will be a `FeatureMap` with these points' `dataset`, `row`, `reduced`, `mean` and `axes`.
    """
    from sklearn.decomposition import PCA
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(train), min(MAX_TRAIN, len(train)), replace=False))
    z = np.concatenate([_VIEW.array(train)[chosen], *(_VIEW.array(f) for f in scored)])
    dataset = np.concatenate([np.full(len(chosen), _TRAINING), *(np.full(len(f), i) for i, f in enumerate(scored))])
    row = np.concatenate([chosen, *(np.arange(len(f)) for f in scored)])
    with threadpool_limits(1):  # the last digits depend on the number of threads, and change the map
        components = PCA(min(_COMPONENTS, *z.shape), random_state=seed).fit(z)
        reduced = components.transform(z)
    points = {
        "dataset": dataset.astype(np.int16),
        "row": row.astype(np.int32),
        "reduced": reduced,
        "mean": components.mean_,
        "axes": components.components_,
    }
    write_npz(path, points)
