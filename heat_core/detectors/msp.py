"""MSP, the maximum softmax probability (Hendrycks & Gimpel, 2017)."""

import numpy as np
import torch

from heat_core.detectors.base import Detector, log_softmax, logits_of
from heat_core.features.features import Features


class MSP(Detector):
    """Score: -max_c log p(c|z). The logarithm keeps the ranking and distinguishes nearly certain predictions."""

    title, source = "MSP", "Hendrycks & Gimpel, ICLR 2017, arXiv:1610.02136"
    place = 10
    evidence = "logits"

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return -torch.from_numpy(log_softmax(logits_of(features, self.head_))).amax(dim=1).numpy()
