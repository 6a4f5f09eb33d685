"""DICE (Sun & Li, 2022) as a prior: the energy of the logits of a head with few non-zero weights (Tab. 10)."""

import copy
from typing import Self

import numpy as np

from heat_core.energies.priors.base import PriorContext, column_moments
from heat_core.energies.priors.logits import EnergyLogits
from heat_core.errors import HeatError
from heat_core.types import FitHead, Rows

SPARSITY = 0.9  # p, the source's value for CIFAR
SPARSITY_OF = {"imagenet": 0.7}  # ID sets for which the source gives another p


class DirectedSparsity(EnergyLogits):
    """E_q(z) = -log Σ_c exp((W ⊙ M)_c·z + b_c).

    The mask M keeps the share 1 - p of weights with the largest contributions w_cd · mean_d(z).

    Args:
        weight: (C, D) weight of the linear head.
        bias: (C,) bias of the linear head.
        fit_head: see `EnergyLogits`.
        sparsity: p in [0, 1).
    """

    def __init__(
        self, weight: np.ndarray, bias: np.ndarray, fit_head: FitHead | None = None, sparsity: float = SPARSITY
    ) -> None:
        if not 0 <= sparsity < 1:
            raise HeatError(f"The sparsity of DICE is {sparsity}: it must lie in [0, 1).")
        super().__init__(weight, bias, fit_head)
        self.sparsity, self._dense = sparsity, self.weight

    @classmethod
    def for_run(cls, context: PriorContext) -> Self:
        """Make the prior with the run's head, and the sparsity that the source publishes for its ID set."""
        return cls(*context.head, context.fit_head, SPARSITY_OF.get(context.id_set, SPARSITY))

    def fit(self, z: Rows, y: np.ndarray | None = None) -> Self:  # noqa: ARG002
        """Choose the mask by the mean of the (N, D) features, and keep their mean and spread for `sample`."""
        mean, std = column_moments(self._validate(z))
        contribution = self._dense * mean
        self.weight = np.where(contribution > np.quantile(contribution, self.sparsity), self._dense, 0.0)
        return self._set_constants(mean, std)

    def fit_clone(self, z: Rows, y: np.ndarray) -> Self:
        """Fit the same kind of prior on other samples, with a head fitted on them if `fit_head` is given."""
        clone = copy.copy(self)
        if self.fit_head:
            clone._dense, clone.bias = (np.asarray(part, np.float64) for part in self.fit_head(z, y))
        return clone.fit(z, y)
