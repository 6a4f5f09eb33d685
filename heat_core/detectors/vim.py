"""ViM (Wang et al., 2022): the energy of the logits plus a virtual logit, the norm outside the principal subspace."""

from typing import Self

import numpy as np

from heat_core.detectors.base import Detector
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors.vim import VirtualLogit
from heat_core.energies.views import VIEWS
from heat_core.features.features import Features


class ViM(Detector):
    """Score: α‖R Rᵀ(z - o)‖ - log Σ_c exp(w_c·z + b_c), as the prior `heat_core.energies.priors.vim` gives it.

    Args:
        dim: dimension of the principal subspace; default: see `VirtualLogit`.

    Attributes:
        energy_: prior that gives the score.
    """

    title, source = "ViM", "Wang et al., CVPR 2022, arXiv:2203.10807"
    place = 150
    evidence = "both"
    energy_ = FittedAttribute[VirtualLogit]()

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def fit_features(self, train: Features) -> Self:
        """Fit the prior that gives the score: the principal subspace and α."""
        self.energy_ = VirtualLogit(*self.head_, dim=self.dim).fit(VIEWS["vim"].array(train))
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return self.energy_.energy(VIEWS["vim"].array(features))
