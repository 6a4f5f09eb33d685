"""DICE (Sun & Li, 2022): the energy of the logits of a head of which only the largest contributions are kept."""

from typing import ClassVar, Self

import numpy as np

from heat_core.detectors.base import Detector
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors.dice import SPARSITY, SPARSITY_OF, DirectedSparsity
from heat_core.energies.views import VIEWS
from heat_core.features.features import Features


class DICE(Detector):
    """Score: -log Σ_c exp((W ⊙ M)_c·z + b_c), as the prior `heat_core.energies.priors.dice` gives it.

    The source uses a sparsity p of 90 % on CIFAR and 70 % on ImageNet.

    Args:
        sparsity: p in [0, 1), the share of the head's weights that is set to 0.
    """

    title, source = "DICE", "Sun & Li, ECCV 2022, arXiv:2111.09805"
    place = 70
    evidence = "both"
    rectified = True
    published: ClassVar = {id_set: {"sparsity": p} for id_set, p in SPARSITY_OF.items()}

    _energy = FittedAttribute[DirectedSparsity]()

    def __init__(self, sparsity: float = SPARSITY) -> None:
        self.sparsity = sparsity

    def fit_features(self, train: Features) -> Self:
        """Choose the mask M by the mean training feature."""
        self._energy = DirectedSparsity(*self.head_, sparsity=self.sparsity).fit(VIEWS["dice"].array(train))
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return self._energy.energy(VIEWS["dice"].array(features))
