"""KL Matching (Hendrycks et al., 2022): how far the softmax is from every class's typical one."""

import math
from typing import Self

import numpy as np
import torch

from heat_core.detectors.base import Detector, log_softmax, logits_of
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.features.features import Features


class KLMatching(Detector):
    """Score: min_k KL(p ‖ d_k), d_k = the mean softmax of the training images that are predicted as class k.

    The source takes the d_k from validation images; the training images serve here. Everything stays in logarithms,
    so that a probability too small for float64 is no infinite divergence.
    """

    title, source = "KL Matching", "Hendrycks et al., ICML 2022, arXiv:1911.11132"
    place = 50
    evidence = "logits"
    _log_typical = FittedAttribute[torch.Tensor]()

    def fit(self, train: Features) -> Self:
        log_p = log_softmax(logits_of(train, self.head))
        predicted = log_p.argmax(axis=1)
        of_class = [torch.from_numpy(log_p[predicted == k]) for k in np.unique(predicted)]
        self._log_typical = torch.stack([rows.logsumexp(dim=0) - math.log(len(rows)) for rows in of_class])
        return self

    def score(self, features: Features) -> np.ndarray:
        log_p = torch.from_numpy(log_softmax(logits_of(features, self.head)))
        p = log_p.exp()
        return (torch.linalg.vecdot(p, log_p) - (p @ self._log_typical.T).amax(dim=1)).numpy()
