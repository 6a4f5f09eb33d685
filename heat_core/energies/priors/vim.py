"""ViM (Wang et al., 2022) as a prior: the energy of the logits and of a virtual one, with its gradient."""

from typing import Self

import numpy as np
import torch

from heat_core.energies.fitted import Fitted
from heat_core.energies.priors.base import ArrayOrTensor, Constants, FitHead, array_or_tensor, blocks
from heat_core.energies.priors.logits import EnergyLogits
from heat_core.errors import HeatError


class VirtualLogit(EnergyLogits):
    """E_q(z) = α‖R Rᵀ(z - o)‖ - log Σ_c exp(w_c·z + b_c).

    o = -W⁺b; R (D, D - d) spans what is orthogonal to the first d principal directions of z - o; α makes the virtual
    logit as large as the largest logit on average. ∇E_q = α R Rᵀ(z - o) / ‖R Rᵀ(z - o)‖ - softmax(f(z)) W.
    Like EL it cannot be sampled: a Gaussian with the features' mean and spread starts the chains.

    Args:
        weight: (C, D) of the linear head.
        bias: (C,) of the same.
        fit_head: see `EnergyLogits`.
        dim: d; the source takes 1000 from D = 2048, 512 from 768 and D/2 below. Where samples are few, at most half
            of them, or nothing would be left outside.

    Attributes:
        dim_: the d that was taken.
        alpha_: α.
    """

    dim_ = Fitted[int]()
    alpha_ = Fitted[float]()

    def __init__(
        self, weight: np.ndarray, bias: np.ndarray, fit_head: FitHead | None = None, dim: int | None = None
    ) -> None:
        super().__init__(weight, bias, fit_head)
        if dim is not None and not 1 <= dim < self.weight.shape[1]:
            raise HeatError(
                f"The principal subspace of ViM has dimension {dim}: choose 1 to {self.weight.shape[1] - 1}."
            )
        self.dim = dim

    def fit(self, z: np.ndarray, y: np.ndarray | None = None) -> Self:  # noqa: ARG002
        z = self._checked(z)
        n, width = z.shape
        self.dim_ = self.dim or min(1000 if width >= 2048 else 512 if width >= 768 else width // 2, max(n // 2, 1))
        origin = -np.linalg.pinv(self.weight) @ self.bias
        scatter, total = np.zeros((width, width)), np.zeros(width)
        for _, block in blocks(z):
            block -= origin
            scatter += block.T @ block
            total += block.sum(axis=0)
        values, vectors = np.linalg.eigh(scatter / n)
        outside = vectors[:, : width - self.dim_]
        beyond = max(values[: width - self.dim_].sum(), 0.0)
        if not np.sqrt(beyond) > 1e-7 * np.sqrt(max(values.sum(), 1e-24)):
            raise HeatError(
                f"The {n} training features lie within {self.dim_} dimensions: nothing is left for ViM's virtual "
                "logit; give more images or a smaller subspace."
            )
        largest, norm = self._mean_logit_and_norm(z, origin, outside)
        self.alpha_ = largest / norm
        std = np.sqrt(np.maximum(scatter.diagonal() / n - (total / n) ** 2, 0.0))
        self._constants = Constants(
            weight=self.weight,
            bias=self.bias,
            mean=origin + total / n,
            std=std,
            origin=origin,
            outside=outside,
            alpha=np.array(self.alpha_),
        )
        return self

    def _mean_logit_and_norm(self, z: np.ndarray, origin: np.ndarray, outside: np.ndarray) -> tuple[float, float]:
        """Means over the training features of the largest logit and of ‖Rᵀ(z - o)‖. They only set α: products in the
        features' own precision will do.
        """
        weight, bias, outside, shift = (
            a.astype(z.dtype) for a in (self.weight.T, self.bias, outside, origin @ outside)
        )
        largest = norm = 0.0
        for i in range(0, len(z), 2048):
            block = np.asarray(z[i : i + 2048])
            largest += float((block @ weight + bias).max(axis=1).sum(dtype=np.float64))
            norm += float(np.linalg.norm(block @ outside - shift, axis=1).sum(dtype=np.float64))
        return largest / len(z), norm / len(z)

    def refit(self, z: np.ndarray, y: np.ndarray) -> "VirtualLogit":
        weight, bias = self.fit_head(z, y) if self.fit_head else (self.weight, self.bias)
        return VirtualLogit(weight, bias, self.fit_head, self.dim_).fit(z, y)

    @property
    def head_weight(self) -> np.ndarray | None:
        """None: what the logits do not read, the virtual one does."""
        return None

    def residual(self, z: ArrayOrTensor) -> ArrayOrTensor:
        """(N, D) → (N,): ‖R Rᵀ(z - o)‖ = ‖Rᵀ(z - o)‖."""
        return array_or_tensor(lambda t: self._outside(t).norm(dim=1), z)

    def energy(self, z: ArrayOrTensor) -> ArrayOrTensor:
        """(N, D) → (N,)."""

        def energy(t: torch.Tensor) -> torch.Tensor:
            return self._constants.like(t)["alpha"] * self._outside(t).norm(dim=1) - torch.logsumexp(self._logits(t), 1)

        return array_or_tensor(energy, z)

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        """(N, D) → (N, D)."""
        k, outside = self._constants.like(z), self._outside(z)
        direction = outside / outside.norm(dim=1, keepdim=True).clamp_min(1e-12)
        return k["alpha"] * direction @ k["outside"].T + super().gradient(z)

    def _outside(self, z: torch.Tensor) -> torch.Tensor:
        k = self._constants.like(z)
        return (z - k["origin"]) @ k["outside"]
