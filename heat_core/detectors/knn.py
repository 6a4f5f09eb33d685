"""KNN (Sun et al., 2022): the distance to the k-th nearest training feature, both L2-normalised."""

from typing import ClassVar, Self

import numpy as np
from sklearn.neighbors import NearestNeighbors

from heat_core.detectors.base import Detector, Head
from heat_core.errors import HeatError
from heat_core.features import Features
from heat_core.priors import VIEWS


class NearestNeighbours(Detector):
    """Score: ‖z - z_(k)‖₂. On a supervised-contrastive backbone this is KNN+.

    The source takes k = 50 for CIFAR-10, 200 for CIFAR-100 and 1000 for ImageNet, all of whose training images are
    searched. Where there are fewer, k is one for 600 training images, and at least 5.
    """

    title, source = "KNN", "Sun et al., ICML 2022, arXiv:2204.06507"
    published: ClassVar = {
        "cifar10": {"k_of": (50, 50_000)},
        "cifar100": {"k_of": (200, 50_000)},
        "imagenet": {"k_of": (1000, 1_281_167)},
    }

    def __init__(self, head: Head, k: int | None = None, k_of: tuple[int, int] | None = None) -> None:
        """k: fixed; or `k_of` = (k, number of training images from which it applies)."""
        super().__init__(head)
        self.k, self.k_of = k, k_of

    def fit(self, train: Features) -> Self:
        z = VIEWS["gmm"].of(train)
        if self.k_of and len(z) >= self.k_of[1]:
            self.k_ = self.k_of[0]
        else:
            self.k_ = self.k or min(max(5, len(z) // 600), 50, len(z))
        if self.k_ > len(z):
            raise HeatError(f"k = {self.k_} exceeds the {len(z)} training images: choose a smaller k.")
        self._index = NearestNeighbors(n_neighbors=self.k_, algorithm="brute").fit(z)
        return self

    def score(self, features: Features) -> np.ndarray:
        return self._index.kneighbors(VIEWS["gmm"].of(features))[0][:, -1].astype(np.float64)
