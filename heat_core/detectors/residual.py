"""Residual (Wang et al., 2022): the norm of the feature outside the principal subspace, without the logits."""

import numpy as np

from heat_core.detectors.vim import Vim
from heat_core.energies.views import VIEWS
from heat_core.features.features import Features


class ResidualNorm(Vim):
    """Score: ‖R Rᵀ(z - o)‖, the first term of ViM."""

    title = "Residual"
    place = 160
    evidence = "features"

    def score(self, features: Features) -> np.ndarray:
        return self._energy.residual_norm(VIEWS["vim"].array(features))
