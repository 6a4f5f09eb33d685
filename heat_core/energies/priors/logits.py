"""The energy of the logits (EL; Liu et al., 2020) as a prior."""

from typing import ClassVar, Self

import numpy as np
import torch

from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors.base import (
    ArrayOrTensor,
    Constants,
    ScoringDtypes,
    column_moments,
    evaluate,
    validate_features,
)
from heat_core.errors import HeatError
from heat_core.types import FitHead, Rows


class EnergyLogits:
    """E_q(z) = -log Σ_c exp(w_c·z + b_c), the head being the classifier's linear layer (Sec. 3.2).

    Args:
        weight: (C, D) of the linear head.
        bias: (C,) of the same.
        fit_head: makes a head from (z, y); given where the head itself was fitted on the training features, so that
            held-out energies can be computed with a head that has not seen them.
    """

    scoring_dtypes: ClassVar[ScoringDtypes] = {"weight": np.float32, "bias": np.float64}
    _constants = FittedAttribute[Constants]()

    def __init__(self, weight: np.ndarray, bias: np.ndarray, fit_head: FitHead | None = None) -> None:
        weight, bias = np.asarray(weight, dtype=np.float64), np.asarray(bias, dtype=np.float64)
        if weight.ndim != 2 or bias.shape != (len(weight),):
            raise HeatError(f"A linear head needs weight (C, D) and bias (C,), not {weight.shape} and {bias.shape}.")
        self.weight, self.bias, self.fit_head = weight, bias, fit_head

    def fit(self, z: Rows, y: np.ndarray | None = None) -> Self:  # noqa: ARG002
        """Keep the mean and spread of the (N, D) features: EL cannot be sampled, a Gaussian starts its chains."""
        return self._set_constants(*column_moments(self._validate(z)))

    def _set_constants(self, mean: np.ndarray, std: np.ndarray) -> Self:
        self._constants = Constants(weight=self.weight, bias=self.bias, mean=mean, std=std)
        return self

    def _validate(self, z: Rows) -> Rows:
        z = validate_features(z)
        if z.shape[1] != self.weight.shape[1]:
            raise HeatError(f"The head reads {self.weight.shape[1]} features, these have {z.shape[1]}.")
        return z

    def fit_clone(self, z: Rows, y: np.ndarray) -> "EnergyLogits":
        """The same energy with a head fitted on other samples, where the head was fitted by us."""
        weight, bias = self.fit_head(z, y) if self.fit_head else (self.weight, self.bias)
        return EnergyLogits(weight, bias, self.fit_head).fit(z, y)

    @property
    def head_weight(self) -> np.ndarray | None:
        """(C, D)."""
        return self.weight

    def energy(self, z: ArrayOrTensor) -> ArrayOrTensor:
        """(N, D) → (N,)."""
        return evaluate(lambda t, dtype: -torch.logsumexp(self._logits(t, dtype), dim=1), z)

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        """∇E_q = -softmax(logits) W: (N, D) → (N, D)."""
        return -torch.softmax(self._logits(z, z.dtype), dim=1) @ self._constants.like(z)["weight"]

    def sample(
        self, n: int, generator: torch.Generator | None = None, like: torch.Tensor | None = None
    ) -> torch.Tensor:
        """N draws from a Gaussian with the features' mean and spread: where the chains of EL start."""
        like = torch.empty(0) if like is None else like
        k = self._constants.like(like)
        noise = torch.randn(n, len(k["mean"]), generator=generator, device=like.device, dtype=like.dtype)
        return k["mean"] + noise * k["std"]

    def _logits(self, z: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        logits = (z @ self._constants.like(z)["weight"].T).to(dtype)
        return logits + self._constants.like(logits)["bias"]
