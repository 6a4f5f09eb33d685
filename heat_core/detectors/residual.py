"""Residual (Wang et al., 2022): the norm of the feature outside the principal subspace, without the logits."""

from typing import Self

import numpy as np

from heat_core.detectors.base import Detector, Head
from heat_core.features import Features
from heat_core.priors import VIEWS
from heat_core.priors.vim import VirtualLogit


class ResidualNorm(Detector):
    """Score: ‖R Rᵀ(z - o)‖, the first term of ViM."""

    title, source = "Residual", "Wang et al., CVPR 2022, arXiv:2203.10807"

    def __init__(self, head: Head, dim: int | None = None) -> None:
        super().__init__(head)
        self.dim = dim

    def fit(self, train: Features) -> Self:
        self._energy = VirtualLogit(*self.head, dim=self.dim).fit(VIEWS["vim"].of(train))
        return self

    def score(self, features: Features) -> np.ndarray:
        return self._energy.residual(VIEWS["vim"].of(features))
