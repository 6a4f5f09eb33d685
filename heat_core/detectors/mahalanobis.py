"""Mahalanobis distance to the nearest class, one shared covariance (Lee et al., 2018), on the raw features."""

from typing import Self

import numpy as np

from heat_core.detectors.base import Detector, Head
from heat_core.energies.fitted import Fitted
from heat_core.energies.priors import GaussianMixture
from heat_core.energies.views import VIEWS
from heat_core.features.features import Features


class Mahalanobis(Detector):
    """Score: min_c (z - μ_c)ᵀ Σ⁻¹ (z - μ_c).

    Args:
        covariance: as of `GaussianMixture`; "auto" shrinks it where samples are few.
    """

    title, source = "Mahalanobis", "Lee et al., NeurIPS 2018, arXiv:1807.03888"
    place = 120
    _classes = Fitted[GaussianMixture]()

    def __init__(self, head: Head, covariance: str = "auto") -> None:
        super().__init__(head)
        self.covariance = covariance

    def fit(self, train: Features) -> Self:
        self._classes = GaussianMixture(self.covariance).fit(VIEWS["el"].of(train), train.required_labels(self.title))
        return self

    def score(self, features: Features) -> np.ndarray:
        return self._classes.squared_distances(VIEWS["el"].of(features)).min(axis=1)
