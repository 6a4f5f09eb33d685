"""DICE (Sun & Li, 2022): the energy of the logits of a head that keeps only its largest contributions."""

from typing import ClassVar, Self

import numpy as np

from heat_core.detectors.base import Detector, Head
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors.dice import SPARSITY, SPARSITY_OF, DirectedSparsity
from heat_core.energies.views import VIEWS
from heat_core.features.features import Features


class Dice(Detector):
    """Score: -log Σ_c exp((W ⊙ M)_c·z + b_c), as the prior `heat_core.energies.priors.dice` gives it.

    The source takes a sparsity p of 90 % on CIFAR and 70 % on ImageNet.
    """

    title, source = "DICE", "Sun & Li, ECCV 2022, arXiv:2111.09805"
    place = 70
    evidence = "both"
    rectified = True
    published: ClassVar = {id_set: {"sparsity": p} for id_set, p in SPARSITY_OF.items()}

    _energy = FittedAttribute[DirectedSparsity]()

    def __init__(self, head: Head, sparsity: float = SPARSITY) -> None:
        super().__init__(head)
        self.sparsity = sparsity

    def fit(self, train: Features) -> Self:
        self._energy = DirectedSparsity(*self.head, sparsity=self.sparsity).fit(VIEWS["dice"].array(train))
        return self

    def score(self, features: Features) -> np.ndarray:
        return self._energy.energy(VIEWS["dice"].array(features))
