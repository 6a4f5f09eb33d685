"""ViM (Wang et al., 2022) as a prior: the energy of the logits plus a virtual logit (proposed in Sec. 3.2)."""

import copy
from typing import ClassVar, Self

import numpy as np
import torch

from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.moments import Moments
from heat_core.energies.priors.base import ArrayOrTensor, Constants, ScoringDtypes, evaluate
from heat_core.energies.priors.logits import EnergyLogits
from heat_core.errors import HeatError
from heat_core.features.chunks import as_tensor, blocks, compute_dtype, rows_in_cache
from heat_core.types import FitHead, Rows

_NOTHING = 1e-7  # share of the features' length outside the principal subspace that is only rounding
_SAFE = 1e-3  # share below which float32 products are too imprecise and float64 is used


class VirtualLogit(EnergyLogits):
    """E_q(z) = α‖R Rᵀ(z - o)‖ - log Σ_c exp(w_c·z + b_c).

    o = -W⁺b; the columns of R (D, D - d) span the space orthogonal to the first d principal directions of z - o; α
    makes the virtual logit as large as the largest logit on average over the training features.
    ∇E_q = α R Rᵀ(z - o) / ‖R Rᵀ(z - o)‖ - softmax(f(z)) W. As for EL, chains start from a Gaussian with the features'
    mean and spread.

    Args:
        weight: (C, D) weight of the linear head.
        bias: (C,) bias of the linear head.
        fit_head: see `EnergyLogits`.
        dim: dimension d of the principal subspace. By default 1000 for D ≥ 2048, 512 for D ≥ 768 and D/2 below, as in
            the source, but at most half the number of samples, so that variance remains outside the subspace.

    Attributes:
        dim_: the d that is used.
        alpha_: α.
    """

    scoring_dtypes: ClassVar[ScoringDtypes] = {
        **EnergyLogits.scoring_dtypes,
        "origin": np.float32,
        "outside": np.float32,
        "alpha": np.float64,
    }
    dim_ = FittedAttribute[int]()
    alpha_ = FittedAttribute[float]()

    def __init__(
        self, weight: np.ndarray, bias: np.ndarray, fit_head: FitHead | None = None, dim: int | None = None
    ) -> None:
        super().__init__(weight, bias, fit_head)
        if dim is not None and not 1 <= dim < self.weight.shape[1]:
            raise HeatError(
                f"The principal subspace of ViM has dimension {dim}: choose 1 to {self.weight.shape[1] - 1}."
            )
        self.dim = dim

    def fit(self, z: Rows, y: np.ndarray | None = None) -> Self:  # noqa: ARG002
        """Fit the principal subspace and α on (N, D) features; HeatError if they lie within the subspace."""
        z = self._validate(z)
        n, width = z.shape
        self.dim_ = self.dim or min(1000 if width >= 2048 else 512 if width >= 768 else width // 2, max(n // 2, 1))
        origin = -(torch.linalg.pinv(torch.from_numpy(self.weight)) @ torch.from_numpy(self.bias)).numpy()
        moments = Moments.from_rows(z, np.zeros(n, int), 1)
        outside, left = _complement(moments, origin, self.dim_)
        if left < _SAFE and compute_dtype(z.dtype) != np.float64:
            moments = Moments.from_rows(z, np.zeros(n, int), 1, exact=True)
            outside, left = _complement(moments, origin, self.dim_)
        if not left > _NOTHING:
            raise HeatError(
                f"The {n} training features lie within {self.dim_} dimensions: nothing is left for ViM's virtual "
                "logit; give more images or a smaller subspace."
            )
        largest, norm = self._mean_logit_and_norm(z, origin, outside)
        self.alpha_ = largest / norm
        self._constants = Constants(
            weight=self.weight,
            bias=self.bias,
            mean=moments.means[0],
            std=np.sqrt(np.maximum(moments.scatter.diagonal() / n, 0.0)),
            origin=origin,
            outside=outside,
            alpha=np.array(self.alpha_),
        )
        return self

    def _mean_logit_and_norm(self, z: Rows, origin: np.ndarray, outside: np.ndarray) -> tuple[float, float]:
        """Compute the means of the largest logit and of ‖Rᵀ(z - o)‖ over the training features."""
        both = as_tensor(np.hstack([self.weight.T, outside]).astype(compute_dtype(z.dtype)))
        offset = as_tensor(np.concatenate([self.bias, -(origin[:, None] * outside).sum(axis=0)])).to(both.dtype)
        classes, largest, norm = len(self.bias), 0.0, 0.0
        for _, block in blocks(z, rows=rows_in_cache(z)):
            products = torch.addmm(offset, as_tensor(block), both)
            largest += float(products[:, :classes].amax(dim=1).sum(dtype=torch.float64))
            norm += float(products[:, classes:].norm(dim=1).sum(dtype=torch.float64))
        return largest / len(z), norm / len(z)

    def fit_clone(self, z: Rows, y: np.ndarray) -> Self:
        """Fit the same kind of prior, with the same d, on other samples."""
        clone = copy.copy(self)
        clone.dim = self.dim_
        return super(VirtualLogit, clone).fit_clone(z, y)

    @property
    def head_weight(self) -> np.ndarray | None:
        """None, because the virtual logit reads the directions that the logits do not."""
        return None

    def residual_norm(self, z: ArrayOrTensor) -> ArrayOrTensor:
        """Compute ‖R Rᵀ(z - o)‖ = ‖Rᵀ(z - o)‖, (N, D) → (N,)."""
        return evaluate(lambda t, dtype: self._outside(t).to(dtype).norm(dim=1), z)

    def energy(self, z: ArrayOrTensor) -> ArrayOrTensor:
        """Compute E_q, (N, D) → (N,)."""

        def energy(t: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
            outside = self._outside(t).to(dtype).norm(dim=1)
            return self._constants.like(outside)["alpha"] * outside - torch.logsumexp(self._logits(t, dtype), 1)

        return evaluate(energy, z)

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        """Compute ∇E_q, (N, D) → (N, D)."""
        k, outside = self._constants.like(z), self._outside(z)
        direction = outside / outside.norm(dim=1, keepdim=True).clamp_min(1e-12)
        return self.alpha_ * direction @ k["outside"].T + super().gradient(z)

    def _outside(self, z: torch.Tensor) -> torch.Tensor:
        k = self._constants.like(z)
        return (z - k["origin"]) @ k["outside"]


def _complement(moments: Moments, origin: np.ndarray, dim: int) -> tuple[np.ndarray, float]:
    """Compute R (D, D - dim) of features minus `origin`, and the share of their root-mean-square length in its span."""
    shift = moments.means[0] - origin
    around = torch.from_numpy(moments.scatter / moments.counts.sum() + np.outer(shift, shift))
    values, vectors = torch.linalg.eigh(around)
    rest = len(values) - dim  # eigh sorts the eigenvalues in ascending order
    share = values[:rest].sum().clamp_min(0) / values.sum().clamp_min(1e-24)
    return vectors[:, :rest].numpy(), float(share.sqrt())
