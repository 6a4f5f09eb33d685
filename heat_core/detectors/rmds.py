"""RMDS, the relative Mahalanobis distance (Ren et al., 2021): less the distance to all classes taken as one."""

from typing import Self

import numpy as np

from heat_core.detectors.mahalanobis import Mahalanobis
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors import GaussianMixture
from heat_core.features.features import Features


class RelativeMahalanobis(Mahalanobis):
    """Score: min_c (z - μ_c)ᵀ Σ⁻¹ (z - μ_c) - (z - μ₀)ᵀ Σ₀⁻¹ (z - μ₀), μ₀ and Σ₀ mean and covariance of all training
    features: in directions that have nothing to do with the classes, both distances are the same, and cancel.

    Where samples are few, both covariances are shrunk alike (see `GaussianMixture.background`). The source shrinks
    none.
    """

    title, source = "RMDS", "Ren et al., 2021, arXiv:2106.09022"
    place = 124
    _background = FittedAttribute[GaussianMixture]()

    def fit(self, train: Features) -> Self:
        super().fit(train)
        self._background = self._classes.background()
        return self

    def _distance(self, z: np.ndarray) -> np.ndarray:
        return super()._distance(z) - self._background.squared_distances(z)[:, 0]
