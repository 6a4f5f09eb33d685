"""Mahalanobis distance of the raw features to the nearest class mean, with one shared covariance (Lee et al., 2018)."""

from typing import ClassVar, Self

import numpy as np

from heat_core.detectors.base import Detector
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors import GaussianMixture
from heat_core.energies.views import VIEWS, View
from heat_core.features.chunks import map_blocks
from heat_core.features.features import Features


class Mahalanobis(Detector):
    """Score: min_c (z - μ_c)ᵀ Σ⁻¹ (z - μ_c), μ_c the class means and Σ the covariance that the classes share.

    Args:
        covariance: estimator of Σ, see `GaussianMixture`; "auto" shrinks Σ when there are few samples.

    Attributes:
        mixture_: mixture of one Gaussian per class, fitted on the training features.
    """

    title, source = "Mahalanobis", "Lee et al., NeurIPS 2018, arXiv:1807.03888"
    place = 120
    evidence = "features"
    _view: ClassVar[View] = VIEWS["el"]
    mixture_ = FittedAttribute[GaussianMixture]()

    def __init__(self, covariance: str = "auto") -> None:
        self.covariance = covariance

    def fit_features(self, train: Features) -> Self:
        """Fit the class means and the covariance."""
        labels = train.required_labels(self.title)
        self.mixture_ = GaussianMixture(self.covariance).fit(self._view.rows(train), labels)
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return map_blocks(self._distance, self._view.rows(features))

    def _distance(self, z: np.ndarray) -> np.ndarray:
        """Compute the squared distance to the nearest class mean, (n, D) → (n,)."""
        return self.mixture_.squared_distances(z).min(axis=1)
