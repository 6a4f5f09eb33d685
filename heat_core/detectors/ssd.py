"""SSD (Sehwag et al., 2021): Mahalanobis distance of the normalised features to k-means clusters, without labels."""

from typing import Self

import numpy as np
from sklearn.cluster import KMeans

from heat_core.detectors.base import Detector
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors.gmm import FEW, GaussianMixture
from heat_core.energies.views import VIEWS
from heat_core.features.features import Features


class SSD(Detector):
    """Score: min_m (z - μ_m)ᵀ Σ_m⁻¹ (z - μ_m) over the clusters, z L2-normalised.

    Args:
        clusters: number of clusters; 1 is the source's default, more are fitted by k-means.
        covariance: see `GaussianMixture`.
        seed: seed of k-means.

    Attributes:
        mixtures_: Gaussians of the clusters, see `gaussians`.
    """

    title, source = "SSD", "Sehwag et al., ICLR 2021, arXiv:2103.12051"
    place = 130
    evidence = "features"
    reads_labels = False
    mixtures_ = FittedAttribute[list[GaussianMixture]]()

    def __init__(self, clusters: int = 1, covariance: str = "auto", seed: int = 0) -> None:
        self.clusters, self.covariance, self.seed = clusters, covariance, seed

    def fit_features(self, train: Features) -> Self:
        """Cluster the training features and fit their Gaussians."""
        z = VIEWS["gmm"].array(train)
        self.mixtures_ = gaussians(z, self.assign_clusters(z, train), self.covariance)
        return self

    def assign_clusters(self, z: np.ndarray, train: Features) -> np.ndarray:  # noqa: ARG002 (the override in SSD+ reads the labels)
        """Assign each training feature to a cluster, (N,)."""
        if self.clusters == 1:
            return np.zeros(len(z), dtype=int)
        clusters = min(self.clusters, len(z))
        return KMeans(clusters, random_state=self.seed, n_init=3).fit_predict(z)

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        z = VIEWS["gmm"].array(features)
        return np.min([m.squared_distances(z).min(axis=1) for m in self.mixtures_], axis=0)


def gaussians(z: np.ndarray, cluster: np.ndarray, covariance: str) -> list[GaussianMixture]:
    """Fit a Gaussian per cluster, each with its own covariance as in the source.

    If a cluster has fewer than ten samples per dimension, its own covariance would be too noisy: all clusters then
    share one, in a single mixture.

    Args:
        z: (N, D) features.
        cluster: (N,) cluster of each.
        covariance: see `GaussianMixture`.
    """
    if np.bincount(cluster)[np.unique(cluster)].min() < FEW * z.shape[1]:
        return [GaussianMixture(covariance).fit(z, cluster)]
    return [GaussianMixture(covariance).fit(z[cluster == c], cluster[cluster == c]) for c in np.unique(cluster)]
