"""GradNorm (Huang et al., 2021): the L1 norm of the gradient of KL(uniform ‖ softmax) in the last layer's weights."""

import numpy as np
from scipy.special import softmax

from heat_core.detectors.base import Detector, logits_of
from heat_core.features.features import Features


class GradNorm(Detector):
    """Score: -‖z‖₁ · ‖softmax(f(z)) - 1/C‖₁, the closed form of the gradient's L1 norm for a linear head (T = 1)."""

    title, source = "GradNorm", "Huang et al., NeurIPS 2021, arXiv:2110.00218"
    place = 90
    evidence = "gradients"

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        p = softmax(logits_of(features, self.head_), axis=1)
        feature_norms = np.abs(np.asarray(features.avg, dtype=np.float64)).sum(axis=1)
        return -feature_norms * np.abs(p - 1 / p.shape[1]).sum(axis=1)
