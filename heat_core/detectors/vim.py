"""ViM (Wang et al., 2022): the energy of the logits and a virtual one, the norm outside the principal subspace."""

from typing import Self

import numpy as np

from heat_core.detectors.base import Detector, Head
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors.vim import VirtualLogit
from heat_core.energies.views import VIEWS
from heat_core.features.features import Features


class Vim(Detector):
    """Score: α‖R Rᵀ(z - o)‖ - log Σ_c exp(w_c·z + b_c), as the prior `heat_core.energies.priors.vim` gives it."""

    title, source = "ViM", "Wang et al., CVPR 2022, arXiv:2203.10807"
    place = 150
    evidence = "both"
    _energy = FittedAttribute[VirtualLogit]()

    def __init__(self, head: Head, dim: int | None = None) -> None:
        super().__init__(head)
        self.dim = dim

    def fit(self, train: Features) -> Self:
        self._energy = VirtualLogit(*self.head, dim=self.dim).fit(VIEWS["vim"].array(train))
        return self

    def score(self, features: Features) -> np.ndarray:
        return self._energy.energy(VIEWS["vim"].array(features))
