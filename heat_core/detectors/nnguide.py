"""NNGuide (Park et al., 2023): the energy of the logits times the similarity to training features.

Training features for which the classifier is confident (large log-sum-exp of the logits) count more.
"""

from typing import ClassVar, Self

import numpy as np
import torch
from scipy.special import logsumexp

from heat_core.detectors.base import Detector
from heat_core.detectors.knn import split_queries
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.views import VIEWS
from heat_core.errors import HeatError
from heat_core.features.chunks import compute_device, map_blocks
from heat_core.features.features import Features
from heat_core.features.heads import logits_of_rows


class NNGuide(Detector):
    """Score: -E(z) · mean of the k largest of E(z_i) ẑ·ẑ_i over a bank of training features z_i.

    E(z) = log Σ_c exp(w_c·z + b_c) and ẑ = z / ‖z‖₂. k = 10, and a bank of 1 % of the training images for ImageNet, are
    the values of the authors' code (github.com/roomo7time/nnguide). It gives no share for other sets: there the bank is
    the whole training set.

    Args:
        k: number of neighbours; the whole bank is used if it holds fewer.
        share: share of each class's training images in the bank, above 0 and at most 1.
    """

    title, source = "NNGuide", "Park et al., ICCV 2023, arXiv:2309.14888"
    place = 170
    evidence = "both"
    published: ClassVar = {"imagenet": {"share": 0.01}}

    _bank = FittedAttribute[torch.Tensor]()

    def __init__(self, k: int = 10, share: float = 1.0) -> None:
        if k < 1 or not 0 < share <= 1:
            raise HeatError(f"NNGuide needs a neighbour and a share above 0 and at most 1, not {k} and {share}.")
        self.k, self.share = k, share

    def fit_features(self, train: Features) -> Self:
        """Keep the bank E(z_i) ẑ_i."""
        bank = train.subsample(self.share)
        z = VIEWS["gmm"].array(bank)
        z *= self._sureness(bank)[:, None].astype(z.dtype)
        self._bank = torch.from_numpy(z).to(compute_device())
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        z = torch.from_numpy(VIEWS["gmm"].array(features))
        guidance = torch.cat([self._guidance(part) for part in split_queries(z, len(self._bank))]).numpy()
        return -self._sureness(features) * guidance

    def _sureness(self, features: Features) -> np.ndarray:
        """Compute E(z), (N,) float64."""
        return map_blocks(lambda z: logsumexp(logits_of_rows(z, self.head_), axis=1), VIEWS["el"].rows(features))

    def _guidance(self, z: torch.Tensor) -> torch.Tensor:
        """Compute the mean of the k largest E(z_i) ẑ·ẑ_i of (n, D) normalised features, (n,) float64."""
        similar = z.to(self._bank.device) @ self._bank.T
        return similar.topk(min(self.k, len(self._bank)), dim=1, sorted=False).values.double().mean(dim=1).cpu()
