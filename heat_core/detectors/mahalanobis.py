"""Mahalanobis distance to the nearest class, one shared covariance (Lee et al., 2018), on the raw features."""

from typing import ClassVar, Self

import numpy as np

from heat_core.detectors.base import Detector, Head
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors import GaussianMixture
from heat_core.energies.views import VIEWS, View
from heat_core.features.chunks import map_blocks
from heat_core.features.features import Features


class Mahalanobis(Detector):
    """Score: min_c (z - μ_c)ᵀ Σ⁻¹ (z - μ_c).

    Args:
        covariance: as of `GaussianMixture`; "auto" shrinks it where samples are few.
    """

    title, source = "Mahalanobis", "Lee et al., NeurIPS 2018, arXiv:1807.03888"
    place = 120
    evidence = "features"
    _view: ClassVar[View] = VIEWS["el"]
    _classes = FittedAttribute[GaussianMixture]()

    def __init__(self, head: Head, covariance: str = "auto") -> None:
        super().__init__(head)
        self.covariance = covariance

    def fit(self, train: Features) -> Self:
        labels = train.required_labels(self.title)
        self._classes = GaussianMixture(self.covariance).fit(self._view.rows(train), labels)
        return self

    def score(self, features: Features) -> np.ndarray:
        return map_blocks(self._distance, self._view.rows(features))

    def _distance(self, z: np.ndarray) -> np.ndarray:
        """(n, D) → (n,) to the nearest class."""
        return self._classes.squared_distances(z).min(axis=1)
