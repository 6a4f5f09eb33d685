"""The norm of the features, which is often smaller for unknown images."""

import numpy as np

from heat_core.detectors import Detector, register
from heat_core.features.features import Features


@register("feature-norm")
class FeatureNorm(Detector):
    """Score: -‖z‖₂."""

    title, source = "Feature norm", "an example"
    place = 115
    evidence = "features"

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return -np.linalg.norm(np.asarray(features.avg, np.float64), axis=1)
