"""SCALE (Xu et al., 2024): the energy of the logits of features that are scaled by how peaked they are."""

from typing import Self

import numpy as np

from heat_core.detectors.base import Detector, Head
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors.scale import PERCENTILE, ScaledActivations
from heat_core.energies.views import VIEWS
from heat_core.features.chunks import map_blocks
from heat_core.features.features import Features


class Scale(Detector):
    """Score: -log Σ_c exp(eʳ w_c·z + b_c), as the prior `heat_core.energies.priors.scale` gives it.

    The percentile is the 85 of the authors' configuration; their benchmarks choose it anew by OOD images, which is not
    done here.
    """

    title, source = "SCALE", "Xu et al., ICLR 2024, arXiv:2310.00227"
    place = 86
    evidence = "both"
    rectified = True
    _energy = FittedAttribute[ScaledActivations]()

    def __init__(self, head: Head, percentile: float = PERCENTILE) -> None:
        super().__init__(head)
        self.percentile = percentile

    def fit(self, train: Features) -> Self:
        rows = VIEWS["scale"].rows(train)
        self._energy = ScaledActivations(*self.head, percentile=self.percentile).fit(rows)
        return self

    def score(self, features: Features) -> np.ndarray:
        return map_blocks(self._energy.energy, VIEWS["scale"].rows(features))
