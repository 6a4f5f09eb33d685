"""fDBD (Liu & Qin, 2024): mean distance to the decision boundaries, divided by the distance to the training mean."""

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

_NOWHERE = 1e-12  # lower bound of the distance to the mean, by which the score divides


class FDBD(Detector):
    """Score: -1/(C-1) Σ_{c ≠ ŷ} (f_ŷ(z) - f_c(z)) / (‖w_ŷ - w_c‖₂ ‖z - μ‖₂).

    f are the logits, ŷ is the predicted class and μ the mean of the training features. The source has no
    hyper-parameter. Two classes with the same weight have no boundary between them: their term of the sum is 0.
    """

    title, source = "fDBD", "Liu & Qin, ICML 2024, arXiv:2312.11536"
    place = 174
    evidence = "both"
    _mean = FittedAttribute[torch.Tensor]()
    _closeness = FittedAttribute[torch.Tensor]()

    def fit_features(self, train: Features) -> Self:
        """Compute 1 / ‖w_a - w_b‖ for each pair of classes, and μ; HeatError if the head has one class."""
        weight = torch.from_numpy(np.asarray(self.head_[0], dtype=np.float64))
        if len(weight) < 2:
            raise HeatError("fDBD needs a decision boundary: a head of one class has none.")
        apart = torch.cdist(weight, weight, compute_mode="donot_use_mm_for_euclid_dist")
        self._closeness = torch.where(apart > 0, 1 / apart, 0.0)
        self._mean = torch.from_numpy(column_moments(VIEWS["el"].rows(train))[0])
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return map_blocks(self._score_block, VIEWS["el"].rows(features))

    def _score_block(self, z: np.ndarray) -> np.ndarray:
        logits = torch.from_numpy(logits_of_rows(z, self.head_))
        largest, predicted = logits.max(dim=1)
        gaps = torch.linalg.vecdot(largest[:, None] - logits, self._closeness[predicted])
        away = (torch.from_numpy(z).double() - self._mean).norm(dim=1).clamp_min(_NOWHERE)
        return -(gaps / ((logits.shape[1] - 1) * away)).numpy()
