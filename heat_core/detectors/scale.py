"""SCALE (Xu et al., 2024): the energy of logits that are scaled by how much the largest activations dominate."""

from typing import Self

import numpy as np

from heat_core.detectors.base import Detector
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors.scale import PERCENTILE, ScaledActivations
from heat_core.energies.views import VIEWS
from heat_core.features.chunks import map_blocks
from heat_core.features.features import Features


class SCALE(Detector):
    """Score: -log Σ_c exp(eʳ w_c·z + b_c), as the prior `heat_core.energies.priors.scale` gives it.

    The default percentile of 85 is the value of the authors' configuration. Their benchmarks choose it on OOD images,
    which is not done here.

    Args:
        percentile: in [0, 100); r compares the sum of all activations with the sum of those above it.
    """

    title, source = "SCALE", "Xu et al., ICLR 2024, arXiv:2310.00227"
    place = 86
    evidence = "both"
    rectified = True
    _energy = FittedAttribute[ScaledActivations]()

    def __init__(self, percentile: float = PERCENTILE) -> None:
        self.percentile = percentile

    def fit_features(self, train: Features) -> Self:
        """Make the prior that gives the score."""
        rows = VIEWS["scale"].rows(train)
        self._energy = ScaledActivations(*self.head_, percentile=self.percentile).fit(rows)
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return map_blocks(self._energy.energy, VIEWS["scale"].rows(features))
