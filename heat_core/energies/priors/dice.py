"""DICE (Sun & Li, 2022) as a prior: the energy of the logits of a sparsified head (Tab. 10)."""

from typing import Self

import numpy as np

from heat_core.energies.priors.base import column_moments
from heat_core.energies.priors.logits import EnergyLogits
from heat_core.errors import HeatError
from heat_core.types import FitHead, Rows

SPARSITY = 0.9  # the source's value for CIFAR
SPARSITY_OF = {"imagenet": 0.7}  # where the source gives another for an ID set


class DirectedSparsity(EnergyLogits):
    """E_q(z) = -log Σ_c exp((W ⊙ M)_c·z + b_c); M keeps the (1 - p) largest contributions w_cd · mean_d(z).

    Args:
        weight: (C, D) of the linear head.
        bias: (C,) of the same.
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

    def fit(self, z: Rows, y: np.ndarray | None = None) -> Self:  # noqa: ARG002
        mean, std = column_moments(self._validate(z))
        contribution = self._dense * mean
        self.weight = np.where(contribution > np.quantile(contribution, self.sparsity), self._dense, 0.0)
        return self._set_constants(mean, std)

    def fit_clone(self, z: Rows, y: np.ndarray) -> "DirectedSparsity":
        weight, bias = self.fit_head(z, y) if self.fit_head else (self._dense, self.bias)
        return DirectedSparsity(weight, bias, self.fit_head, self.sparsity).fit(z, y)
