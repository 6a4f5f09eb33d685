"""KNN (Sun et al., 2022): the distance to the k-th nearest training feature, both L2-normalised."""

from typing import ClassVar, Self

import numpy as np
import torch

from heat_core.detectors.base import Detector
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.views import VIEWS
from heat_core.errors import HeatError
from heat_core.features.chunks import compute_device
from heat_core.features.features import Features

_BLOCK = 2**24  # inner products that are computed at a time: 64 MB in float32


class KNN(Detector):
    """Score: ‖z - z_(k)‖₂. On a supervised-contrastive backbone this is KNN+.

    z_(k) is the k-th nearest training feature. The source uses k = 50 for CIFAR-10, 200 for CIFAR-100 and 1000 for
    ImageNet, with all of their training images. With fewer, k is the number of training images divided by 600, at least
    5 and at most 50.

    Args:
        k: number of neighbours; None to derive it as above.
        k_of: (k, number of training images from which this k applies); it takes precedence over `k`.

    Attributes:
        k_: the k that is used.
        searched_: (N, D) normalised training features, on the GPU if there is one.
    """

    title, source = "KNN", "Sun et al., ICML 2022, arXiv:2204.06507"
    place = 100
    evidence = "features"
    reads_labels = False
    published: ClassVar = {
        "cifar10": {"k_of": (50, 50_000)},
        "cifar100": {"k_of": (200, 50_000)},
        "imagenet": {"k_of": (1000, 1_281_167)},
    }

    k_ = FittedAttribute[int]()
    _known = FittedAttribute[torch.Tensor]()
    searched_ = FittedAttribute[torch.Tensor]()

    def __init__(self, k: int | None = None, k_of: tuple[int, int] | None = None) -> None:
        self.k, self.k_of = k, k_of

    def fit_features(self, train: Features) -> Self:
        """Keep the normalised training features and choose k; HeatError if k exceeds their number."""
        z = VIEWS["gmm"].array(train)
        if self.k_of and len(z) >= self.k_of[1]:
            self.k_ = self.k_of[0]
        else:
            self.k_ = self.k or min(max(5, len(z) // 600), 50, len(z))
        if self.k_ > len(z):
            raise HeatError(f"k = {self.k_} exceeds the {len(z)} training images: choose a smaller k.")
        self._known = torch.from_numpy(z)
        self.searched_ = self._known.to(compute_device())
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        z = torch.from_numpy(VIEWS["gmm"].array(features))
        return torch.cat([self.kth_distance(part) for part in split_queries(z, len(self._known))]).numpy()

    def kth_distance(self, z: torch.Tensor) -> torch.Tensor:
        """Compute the distance to the k-th neighbour, (n, D) → (n,) float64.

        On the unit sphere the nearest feature has the largest inner product: one matrix product finds the neighbours.
        The distance to the k-th is then computed from the difference, which avoids the cancellation of 2 - 2 z·z_(k).
        """
        similar = torch.topk(z.to(self.searched_.device) @ self.searched_.T, self.k_, dim=1, sorted=False)
        kth = similar.indices.gather(1, similar.values.argmin(dim=1, keepdim=True)).squeeze(1).cpu()
        return (z.double() - self._known[kth].double()).norm(dim=1)


def split_queries(z: torch.Tensor, known: int) -> tuple[torch.Tensor, ...]:
    """Split (N, D) rows so that the inner products of a part with all `known` features fit in 64 MB."""
    return z.split(max(_BLOCK // known, 1))
