"""SCALE (Xu et al., 2024) as a prior: the energy of the logits of features that are scaled by how peaked they are."""

from typing import NamedTuple, Self

import numpy as np
import torch

from heat_core.energies.priors.logits import EnergyLogits
from heat_core.errors import HeatError
from heat_core.types import FitHead, Rows

PERCENTILE = 85.0  # of the authors' code (github.com/kai422/SCALE)


class Peaks(NamedTuple):
    """Of N rows of activations.

    Attributes:
        ratio: (N,) r = the sum of all over the sum of the largest; 0 where none of the largest is above zero.
        total: (N,) the sum of the largest; 0 where that is not above zero.
        largest: (N, k) where they stand.
    """

    ratio: torch.Tensor
    total: torch.Tensor
    largest: torch.Tensor


def measure_peaks(z: torch.Tensor, percentile: float, dtype: torch.dtype) -> Peaks:
    """How peaked each row of (N, D) activations is; what shaping by exp(r) follows from (ASH-S, SCALE).

    Args:
        z: activations.
        percentile: the largest are those above it, and one at least.
        dtype: in which sums are taken.
    """
    width = z.shape[1]
    values, largest = torch.topk(z, max(width - round(width * percentile / 100), 1), dim=1)
    total = values.sum(dim=1, dtype=dtype)
    active = total > 0
    ratio = z.sum(dim=1, dtype=dtype) / torch.where(active, total, 1.0)
    return Peaks(torch.where(active, ratio, 0.0), torch.where(active, total, 0.0), largest)


def require_percentile(percentile: float, method: str) -> None:
    """HeatError where no activation would lie above it."""
    if not 0 <= percentile < 100:
        raise HeatError(f"The percentile of {method} is {percentile}: it must lie in [0, 100).")


class ScaledActivations(EnergyLogits):
    """E_q(z) = -log Σ_c exp(eʳ w_c·z + b_c), r = Σ_d z_d / Σ_{d ∈ top} z_d over the largest activations of z itself.

    With p the softmax of those logits, ∇E_q = -eʳ (Wᵀp + (z·Wᵀp) ∇r), ∇r = (1 - r [d ∈ top]) / Σ_top z. Where no
    activation is above zero there is nothing to scale by, and the energy is EL's. r is at most D over how many the
    largest are, whatever the signs.

    Args:
        weight: (C, D) of the linear head.
        bias: (C,) of the same.
        fit_head: see `EnergyLogits`.
        percentile: the largest activations are those above it.
    """

    percentile = PERCENTILE  # also of one that was unpacked: runs know no other

    def __init__(
        self, weight: np.ndarray, bias: np.ndarray, fit_head: FitHead | None = None, percentile: float = PERCENTILE
    ) -> None:
        require_percentile(percentile, "SCALE")
        super().__init__(weight, bias, fit_head)
        self.percentile = percentile

    def fit_clone(self, z: Rows, y: np.ndarray) -> Self:
        weight, bias = self.fit_head(z, y) if self.fit_head else (self.weight, self.bias)
        return type(self)(weight, bias, self.fit_head, self.percentile).fit(z, y)

    @property
    def head_weight(self) -> np.ndarray | None:
        """None: r reads what the logits do not."""
        return None

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        """(N, D) → (N, D)."""
        found = measure_peaks(z, self.percentile, z.dtype)
        back = torch.softmax(self._scale_logits(z, z.dtype, found), dim=1) @ self._constants.like(z)["weight"]
        inverse = torch.where(found.total > 0, 1 / torch.where(found.total > 0, found.total, 1.0), 0.0)
        slope = inverse[:, None].expand_as(z).clone()
        slope.scatter_add_(1, found.largest, (-found.ratio * inverse)[:, None].expand_as(found.largest))
        return -torch.exp(found.ratio)[:, None] * (back + torch.linalg.vecdot(z, back)[:, None] * slope)

    def _logits(self, z: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        return self._scale_logits(z, dtype, measure_peaks(z, self.percentile, dtype))

    def _scale_logits(self, z: torch.Tensor, dtype: torch.dtype, found: Peaks) -> torch.Tensor:
        logits = (z @ self._constants.like(z)["weight"].T).to(dtype) * torch.exp(found.ratio)[:, None]
        return logits + self._constants.like(logits)["bias"]
