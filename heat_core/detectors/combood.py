"""CombOOD (Rajasekaran et al., 2024): neighbours in the last features, and extremes of all layers as a Gaussian."""

from typing import Self

import numpy as np
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PowerTransformer, StandardScaler

from heat_core.backbones.registry import Backbone
from heat_core.detectors.base import Detector, logits_of
from heat_core.detectors.knn import KNN
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.errors import HeatError
from heat_core.features.columns import EXTREMES, Column, require_activations
from heat_core.features.features import Features


class CombOOD(Detector):
    """Score: √D log d_k² + vᵀ (Σ + I)⁻¹ v.

    d_k is the distance of z to the k-th nearest training feature, both L2-normalised. v are the smallest and the
    largest input of each activation layer and of the softmax, each standardised, then made Gaussian by Yeo and
    Johnson's power transform; Σ is the covariance of v over the training images. k = 50, or all of fewer images.

    This is the combination that the authors' program computes (github.com/rmagesh148/combood, test_ood.py). What is
    read of the network differs: the modules are ReLU, GELU and LeakyReLU there, all of `activation_calls` here; the
    value is `input_[0]` in a hook after the module there, which after an in-place ReLU is the rectified tensor, and the
    input before the module here; a module that is called again keeps the values of its last call there, and of every
    call here. An implementation by others reproduced its CIFAR rows in OpenOOD's leaderboard within about 2 points, but
    not its rows on near-OOD sets of ImageNet and ImageNet-200, which are 13 to 22 points higher than theirs (OpenOOD's
    issue 307).

    Args:
        k: number of neighbours.
    """

    title, source = "CombOOD", "Rajasekaran et al., SDM 2024, arXiv:2602.07042"
    place = 215
    evidence = "both"
    reads_images = True
    slow = True  # It needs an extra column of all sets.
    _neighbours = FittedAttribute[KNN]()
    _transform = FittedAttribute[Pipeline]()
    _precision = FittedAttribute[np.ndarray]()

    def __init__(self, k: int = 50) -> None:
        if k < 1:
            raise HeatError("CombOOD needs a neighbour: k is at least 1.")
        self.k = k

    @classmethod
    def train_columns(cls, backbone: Backbone | None) -> tuple[Column, ...]:
        """Return the column of extremes; HeatError if the backbone has no activation modules that can be read."""
        require_activations(backbone, cls.title)
        return (EXTREMES,)

    def fit_features(self, train: Features) -> Self:
        """Keep the training features, and fit the power transforms and Σ."""
        self._neighbours = KNN(min(self.k, len(train))).fit_features(train)
        self._transform = make_pipeline(StandardScaler(), PowerTransformer(method="yeo-johnson"))
        v = self._transform.fit_transform(self._extremes(train))
        self._precision = np.linalg.inv(np.cov(v, rowvar=False) + np.eye(v.shape[1]))
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        v = self._transform.transform(self._extremes(features))
        squares = np.maximum(self._neighbours.score_features(features) ** 2, np.finfo(np.float32).tiny)
        return np.sqrt(features.avg.shape[1]) * np.log(squares) + np.einsum("nd,de,ne->n", v, self._precision, v)

    def _extremes(self, features: Features) -> np.ndarray:
        """Return the extremes of all layers, with those of the logits, (N, 2L + 2) float64."""
        logits = logits_of(features, self.head_)
        layers = np.asarray(features.column(EXTREMES.name), dtype=np.float64)
        return np.column_stack([layers, logits.min(axis=1), logits.max(axis=1)])
