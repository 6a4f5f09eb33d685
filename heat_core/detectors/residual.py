"""Residual (Wang et al., 2022): the norm of the feature outside the principal subspace: ViM without the logits."""

import numpy as np

from heat_core.detectors.vim import ViM
from heat_core.energies.views import VIEWS
from heat_core.features.features import Features


class Residual(ViM):
    """Score: ‖R Rᵀ(z - o)‖, the first term of ViM's score without its factor α."""

    title = "Residual"
    place = 160
    evidence = "features"

    @classmethod
    def reads_head(cls) -> bool:
        """Return True: the origin of the principal subspace is that of the head."""
        return True

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return self.energy_.residual_norm(VIEWS["vim"].array(features))
