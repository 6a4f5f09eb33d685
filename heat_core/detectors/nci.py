"""NCI (Liu & Qin, 2025): proximity to the class weight, as in neural collapse, and the norm of the feature.

Proximity is the projection of the predicted class's weight onto the direction of the centred feature.
"""

from typing import Self

import numpy as np
import torch

from heat_core.detectors.base import Detector
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors.base import column_moments
from heat_core.energies.views import VIEWS
from heat_core.errors import HeatError
from heat_core.features.chunks import map_blocks
from heat_core.features.features import Features
from heat_core.features.heads import logits_of_rows

_NOWHERE = 1e-12  # lower bound of ‖z - μ‖, by which the score divides


class NCI(Detector):
    """Score: -(z - μ)·w_ŷ / ‖z - μ‖₂ - α ‖z‖₁, ŷ the predicted class and μ the mean of the training features.

    α = 0.0001 is the value of the authors' configuration (github.com/litianliu/NCI-OOD). Their benchmarks choose it on
    OOD images, which is not done here.

    Args:
        alpha: α, 0 or more.
    """

    title, source = "NCI", "Liu & Qin, CVPR 2025, arXiv:2311.01479"
    place = 176
    evidence = "both"
    _mean = FittedAttribute[torch.Tensor]()

    def __init__(self, alpha: float = 1e-4) -> None:
        if not 0 <= alpha < np.inf:
            raise HeatError(f"α of NCI must be a number of 0 or more, not {alpha}.")
        self.alpha = alpha

    def fit_features(self, train: Features) -> Self:
        """Compute the mean training feature μ."""
        self._mean = torch.from_numpy(column_moments(VIEWS["el"].rows(train))[0])
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return map_blocks(self._score_block, VIEWS["el"].rows(features))

    def _score_block(self, z: np.ndarray) -> np.ndarray:
        predicted = logits_of_rows(z, self.head_).argmax(axis=1)
        weight = torch.from_numpy(np.asarray(self.head_[0], dtype=np.float64)[predicted])
        centred = torch.from_numpy(z).double() - self._mean
        close = torch.linalg.vecdot(centred, weight) / centred.norm(dim=1).clamp_min(_NOWHERE)
        return -(close.numpy() + self.alpha * np.abs(z).sum(axis=1, dtype=np.float64))
