"""KL Matching (Hendrycks et al., 2022): the divergence of the softmax from the closest class's mean softmax."""

import math
from typing import Self

import numpy as np
import torch

from heat_core.detectors.base import Detector, log_softmax, logits_of
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.features.features import Features


class KLMatching(Detector):
    """Score: min_k KL(p ‖ d_k), d_k = the mean softmax of the training images with predicted class k.

    The source takes the d_k from validation images; here they come from the training images. The computation stays in
    logarithms, so that a probability too small for float64 does not make the divergence infinite.
    """

    title, source = "KL Matching", "Hendrycks et al., ICML 2022, arXiv:1911.11132"
    place = 50
    evidence = "logits"
    _log_typical = FittedAttribute[torch.Tensor]()

    def fit_features(self, train: Features) -> Self:
        """Compute log d_k of every class that is predicted for at least one training image."""
        log_p = log_softmax(logits_of(train, self.head_))
        predicted = log_p.argmax(axis=1)
        class_log_p = [torch.from_numpy(log_p[predicted == k]) for k in np.unique(predicted)]
        self._log_typical = torch.stack([rows.logsumexp(dim=0) - math.log(len(rows)) for rows in class_log_p])
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        log_p = torch.from_numpy(log_softmax(logits_of(features, self.head_)))
        p = log_p.exp()
        return (torch.linalg.vecdot(p, log_p) - (p @ self._log_typical.T).amax(dim=1)).numpy()
