"""KNN (Sun et al., 2022): the distance to the k-th nearest training feature, both L2-normalised."""

from typing import ClassVar, Self

import numpy as np
import torch

from heat_core.detectors.base import Detector, Head
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.views import VIEWS
from heat_core.errors import HeatError
from heat_core.features.chunks import compute_device
from heat_core.features.features import Features

_BLOCK = 2**24  # inner products at a time: 64 MB


class NearestNeighbours(Detector):
    """Score: ‖z - z_(k)‖₂. On a supervised-contrastive backbone this is KNN+.

    The source takes k = 50 for CIFAR-10, 200 for CIFAR-100 and 1000 for ImageNet, all of whose training images are
    searched. Where there are fewer, k is one for 600 training images, and at least 5.
    """

    title, source = "KNN", "Sun et al., ICML 2022, arXiv:2204.06507"
    place = 100
    evidence = "features"
    published: ClassVar = {
        "cifar10": {"k_of": (50, 50_000)},
        "cifar100": {"k_of": (200, 50_000)},
        "imagenet": {"k_of": (1000, 1_281_167)},
    }

    k_ = FittedAttribute[int]()
    _known = FittedAttribute[torch.Tensor]()
    _searched = FittedAttribute[torch.Tensor]()

    def __init__(self, head: Head, k: int | None = None, k_of: tuple[int, int] | None = None) -> None:
        """k: fixed; or `k_of` = (k, number of training images from which it applies)."""
        super().__init__(head)
        self.k, self.k_of = k, k_of

    def fit(self, train: Features) -> Self:
        z = VIEWS["gmm"].array(train)
        if self.k_of and len(z) >= self.k_of[1]:
            self.k_ = self.k_of[0]
        else:
            self.k_ = self.k or min(max(5, len(z) // 600), 50, len(z))
        if self.k_ > len(z):
            raise HeatError(f"k = {self.k_} exceeds the {len(z)} training images: choose a smaller k.")
        self._known = torch.from_numpy(z)
        self._searched = self._known.to(compute_device())
        return self

    def score(self, features: Features) -> np.ndarray:
        z = torch.from_numpy(VIEWS["gmm"].array(features))
        return torch.cat([self._distance(part) for part in split_queries(z, len(self._known))]).numpy()

    def _distance(self, z: torch.Tensor) -> torch.Tensor:
        """(n, D) → (n,) float64. Neighbours are found by one matrix product, since on the sphere the nearest has the
        largest inner product; the distance to the k-th is then computed without its cancellation.
        """
        similar = torch.topk(z.to(self._searched.device) @ self._searched.T, self.k_, dim=1, sorted=False)
        kth = similar.indices.gather(1, similar.values.argmin(dim=1, keepdim=True)).squeeze(1).cpu()
        return (z.double() - self._known[kth].double()).norm(dim=1)


def split_queries(z: torch.Tensor, known: int) -> tuple[torch.Tensor, ...]:
    """Rows, so many at a time that their inner products with all known ones fit."""
    return z.split(max(_BLOCK // known, 1))
