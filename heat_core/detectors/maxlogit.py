"""MaxLogit (Hendrycks et al., 2022): the largest logit, without the softmax."""

import numpy as np
import torch

from heat_core.detectors.base import Detector, logits_of
from heat_core.features.features import Features


class MaxLogit(Detector):
    """Score: -max_c logit_c."""

    title, source = "MaxLogit", "Hendrycks et al., ICML 2022, arXiv:1911.11132"
    place = 20
    evidence = "logits"

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return -torch.from_numpy(logits_of(features, self.head_)).amax(dim=1).numpy()
