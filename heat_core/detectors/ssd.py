"""SSD (Sehwag et al., 2021): Mahalanobis distance to k-means clusters of the normalised features; no labels."""

from typing import Self

import numpy as np
from sklearn.cluster import KMeans

from heat_core.detectors.base import Detector, Head
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors.gmm import FEW, GaussianMixture
from heat_core.energies.views import VIEWS
from heat_core.features.features import Features


class Ssd(Detector):
    """Score: min_m (z - μ_m)ᵀ Σ_m⁻¹ (z - μ_m) over the clusters, z L2-normalised.

    Args:
        clusters: 1 is the source's default; more are found by k-means.
        covariance: as of `GaussianMixture`.
    """

    title, source = "SSD", "Sehwag et al., ICLR 2021, arXiv:2103.12051"
    place = 130
    evidence = "features"
    _mixtures = FittedAttribute[list[GaussianMixture]]()

    def __init__(self, head: Head, clusters: int = 1, covariance: str = "auto", seed: int = 0) -> None:
        super().__init__(head)
        self.clusters, self.covariance, self.seed = clusters, covariance, seed

    def fit(self, train: Features) -> Self:
        z = VIEWS["gmm"].array(train)
        self._mixtures = gaussians(z, self._assign(z, train), self.covariance)
        return self

    def _assign(self, z: np.ndarray, train: Features) -> np.ndarray:  # noqa: ARG002 (SSD+ reads the labels)
        """(N,) the cluster of each training feature."""
        if self.clusters == 1:
            return np.zeros(len(z), dtype=int)
        clusters = min(self.clusters, len(z))
        return KMeans(clusters, random_state=self.seed, n_init=3).fit_predict(z)

    def score(self, features: Features) -> np.ndarray:
        z = VIEWS["gmm"].array(features)
        return np.min([m.squared_distances(z).min(axis=1) for m in self._mixtures], axis=0)


def gaussians(z: np.ndarray, cluster: np.ndarray, covariance: str) -> list[GaussianMixture]:
    """A Gaussian with a covariance of its own per cluster, as the source has it; one shared by all clusters where a
    cluster holds fewer than ten samples a dimension, since its own would not be usable.
    """
    if np.bincount(cluster)[np.unique(cluster)].min() < FEW * z.shape[1]:
        return [GaussianMixture(covariance).fit(z, cluster)]
    return [GaussianMixture(covariance).fit(z[cluster == c], cluster[cluster == c]) for c in np.unique(cluster)]
