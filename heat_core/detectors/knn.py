"""KNN (Sun et al., 2022): the distance to the k-th nearest training feature, both L2-normalised."""

from typing import Self

import numpy as np
from sklearn.neighbors import NearestNeighbors

from heat_core.errors import HeatError
from heat_core.features import Features
from heat_core.priors import View

_VIEW = View("avg", normalised=True)


class NearestNeighbours:
    """Score: ‖z - z_(k)‖₂.

    `k` defaults to one for 600 training images, between 5 and the 50 that Sun et al. use for CIFAR-10.
    """

    def __init__(self, head: tuple[np.ndarray, np.ndarray], k: int | None = None) -> None:
        self.k = k

    def fit(self, train: Features) -> Self:
        z = _VIEW.of(train)
        self.k_ = self.k or min(max(5, len(z) // 600), 50, len(z))
        if self.k_ > len(z):
            raise HeatError(f"k = {self.k_} exceeds the {len(z)} training images: choose a smaller k.")
        self._index = NearestNeighbors(n_neighbors=self.k_, algorithm="brute").fit(z)
        return self

    def score(self, features: Features) -> np.ndarray:
        return self._index.kneighbors(_VIEW.of(features))[0][:, -1].astype(np.float64)
