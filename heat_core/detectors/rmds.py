"""RMDS, the relative Mahalanobis distance (Ren et al., 2021): the distance to a class minus that to all classes."""

from typing import Self

import numpy as np

from heat_core.detectors.mahalanobis import Mahalanobis
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors import GaussianMixture
from heat_core.features.features import Features


class RMDS(Mahalanobis):
    """Score: min_c (z - μ_c)ᵀ Σ⁻¹ (z - μ_c) - (z - μ₀)ᵀ Σ₀⁻¹ (z - μ₀).

    μ₀ and Σ₀ are mean and covariance of all training features. In directions that do not depend on the class both
    distances are equal and cancel. With few samples both covariances are shrunk equally (see
    `GaussianMixture.background`); the source shrinks neither.
    """

    title, source = "RMDS", "Ren et al., 2021, arXiv:2106.09022"
    place = 124
    _background = FittedAttribute[GaussianMixture]()

    def fit_features(self, train: Features) -> Self:
        """Fit the class means and covariance, and the Gaussian of all training features."""
        super().fit_features(train)
        self._background = self.mixture_.background()
        return self

    def _distance(self, z: np.ndarray) -> np.ndarray:
        return super()._distance(z) - self._background.squared_distances(z)[:, 0]
