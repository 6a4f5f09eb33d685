"""SCALE (Xu et al., 2024) as a prior: the energy of logits scaled by how much the largest activations dominate."""

from typing import NamedTuple

import numpy as np
import torch

from heat_core.energies.priors.logits import EnergyLogits
from heat_core.errors import HeatError
from heat_core.types import FitHead

PERCENTILE = 85.0  # the value of the authors' code (github.com/kai422/SCALE)


class Peaks(NamedTuple):
    """Largest activations of N rows.

    Attributes:
        ratio: (N,) r, the sum of all activations divided by the sum of the largest; 0 if the latter is not positive.
        total: (N,) sum of the largest activations; 0 if it is not positive.
        largest: (N, k) column indices of the largest activations.
    """

    ratio: torch.Tensor
    total: torch.Tensor
    largest: torch.Tensor


def measure_peaks(z: torch.Tensor, percentile: float, dtype: torch.dtype) -> Peaks:
    """Find the largest activations of each row and the ratio r by which ASH-S and SCALE scale: exp(r).

    Args:
        z: (N, D) activations.
        percentile: percentile of a row above which its activations are the largest; there is at least one.
        dtype: dtype of the sums.
    """
    width = z.shape[1]
    values, largest = torch.topk(z, max(width - round(width * percentile / 100), 1), dim=1)
    total = values.sum(dim=1, dtype=dtype)
    active = total > 0
    ratio = z.sum(dim=1, dtype=dtype) / torch.where(active, total, 1.0)
    return Peaks(torch.where(active, ratio, 0.0), torch.where(active, total, 0.0), largest)


def require_percentile(percentile: float, method: str) -> None:
    """Raise a HeatError that names `method` unless the percentile is in [0, 100)."""
    if not 0 <= percentile < 100:
        raise HeatError(f"The percentile of {method} is {percentile}: it must lie in [0, 100).")


class ScaledActivations(EnergyLogits):
    """E_q(z) = -log Σ_c exp(eʳ w_c·z + b_c), r = Σ_d z_d / Σ_{d ∈ top} z_d.

    "top" are the activations of z above a percentile of z itself. With p the softmax of the scaled logits,
    ∇E_q = -eʳ (Wᵀp + (z·Wᵀp) ∇r) and ∇r = (1 - r [d ∈ top]) / Σ_top z. If Σ_top z is not positive, r = 0 and the energy
    is EL's. r is at most D divided by the number of the largest activations, whatever their signs.

    Args:
        weight: (C, D) weight of the linear head.
        bias: (C,) bias of the linear head.
        fit_head: see `EnergyLogits`.
        percentile: percentile of z above which activations are "top", in [0, 100).
    """

    percentile = PERCENTILE  # A restored prior reads this value, because runs use no other.

    def __init__(
        self, weight: np.ndarray, bias: np.ndarray, fit_head: FitHead | None = None, percentile: float = PERCENTILE
    ) -> None:
        require_percentile(percentile, "SCALE")
        super().__init__(weight, bias, fit_head)
        self.percentile = percentile

    @property
    def head_weight(self) -> np.ndarray | None:
        """None, because r reads every direction."""
        return None

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        """Compute ∇E_q, (N, D) → (N, D)."""
        peaks = measure_peaks(z, self.percentile, z.dtype)
        back = torch.softmax(self._scale_logits(z, z.dtype, peaks), dim=1) @ self._constants.like(z)["weight"]
        inverse = torch.where(peaks.total > 0, 1 / torch.where(peaks.total > 0, peaks.total, 1.0), 0.0)
        slope = inverse[:, None].expand_as(z).clone()
        slope.scatter_add_(1, peaks.largest, (-peaks.ratio * inverse)[:, None].expand_as(peaks.largest))
        return -torch.exp(peaks.ratio)[:, None] * (back + torch.linalg.vecdot(z, back)[:, None] * slope)

    def _logits(self, z: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        return self._scale_logits(z, dtype, measure_peaks(z, self.percentile, dtype))

    def _scale_logits(self, z: torch.Tensor, dtype: torch.dtype, peaks: Peaks) -> torch.Tensor:
        logits = (z @ self._constants.like(z)["weight"].T).to(dtype) * torch.exp(peaks.ratio)[:, None]
        return logits + self._constants.like(logits)["bias"]
