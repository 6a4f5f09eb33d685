"""ResFlow (Zisselman & Tamar, 2020): the Gaussians of the classes, corrected by a normalising flow."""

from typing import Self

import numpy as np

from heat_core.detectors.base import Detector
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors.resflow import ResidualFlow
from heat_core.energies.views import VIEWS
from heat_core.features.chunks import map_blocks
from heat_core.features.features import Features


class ResFlow(Detector):
    """Score: -log q(z) up to a constant, as the prior `heat_core.energies.priors.resflow` gives it.

    Args:
        covariance: estimator of the covariance, see `GaussianMixture`; "auto" shrinks it when there are few samples.
        seed: seed of the training, see `ResidualFlow`.

    Attributes:
        energy_: prior that gives the score.
    """

    title, source = "ResFlow", "Zisselman & Tamar, CVPR 2020, arXiv:2001.05419"
    place = 405
    evidence = "features"
    energy_ = FittedAttribute[ResidualFlow]()

    def __init__(self, covariance: str = "auto", seed: int = 0) -> None:
        self.covariance, self.seed = covariance, seed

    def fit_features(self, train: Features) -> Self:
        """Fit the prior that gives the score: the Gaussians and the flow."""
        labels = train.required_labels(self.title)
        self.energy_ = ResidualFlow(self.covariance, seed=self.seed).fit(VIEWS["resflow"].rows(train), labels)
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return map_blocks(self.energy_.energy, VIEWS["resflow"].rows(features))
