"""The energy of the logits (EL; Liu et al., 2020) as a prior (Sec. 3.2)."""

import copy
from typing import ClassVar, Self

import numpy as np
import torch

from heat_core.arrays import require_head
from heat_core.energies.priors.base import (
    ArrayOrTensor,
    Constants,
    Prior,
    PriorContext,
    ScoringDtypes,
    column_moments,
    evaluate,
    validate_features,
)
from heat_core.errors import HeatError
from heat_core.types import FitHead, Rows


class EnergyLogits(Prior):
    """E_q(z) = -log Σ_c exp(w_c·z + b_c), with w_c and b_c of the classifier's linear layer (Sec. 3.2).

    Args:
        weight: (C, D) weight of the linear head.
        bias: (C,) bias of the linear head.
        fit_head: function (z, y) → head. It is given when the head itself was fitted on the training features, so that
            held-out energies are computed with a head that was not fitted on the held-out samples.
    """

    scoring_dtypes: ClassVar[ScoringDtypes] = {"weight": np.float32, "bias": np.float64}

    def __init__(self, weight: np.ndarray, bias: np.ndarray, fit_head: FitHead | None = None) -> None:
        weight, bias = (part.astype(np.float64) for part in require_head((weight, bias)))
        self.weight, self.bias, self.fit_head = weight, bias, fit_head

    @classmethod
    def for_run(cls, context: PriorContext) -> Self:
        """Make the prior with the run's head."""
        return cls(*context.head, context.fit_head)

    def fit(self, z: Rows, y: np.ndarray | None = None) -> Self:  # noqa: ARG002
        """Keep mean and spread of the (N, D) features, from which `sample` draws; labels are not read."""
        return self._set_constants(*column_moments(self._validate(z)))

    def _set_constants(self, mean: np.ndarray, std: np.ndarray) -> Self:
        self._constants = Constants(weight=self.weight, bias=self.bias, mean=mean, std=std)
        return self

    def _validate(self, z: Rows) -> Rows:
        z = validate_features(z)
        if z.shape[1] != self.weight.shape[1]:
            raise HeatError(f"The head reads {self.weight.shape[1]} features, these have {z.shape[1]}.")
        return z

    def fit_clone(self, z: Rows, y: np.ndarray) -> Self:
        """Fit the same kind of prior on other samples, with a head fitted on them if `fit_head` is given."""
        clone = copy.copy(self)  # of the same class, with whatever settings a subclass adds
        if self.fit_head:
            clone.weight, clone.bias = (np.asarray(part, np.float64) for part in self.fit_head(z, y))
        return clone.fit(z, y)

    @property
    def head_weight(self) -> np.ndarray | None:
        """Weight (C, D) of the head: the energy reads only the logits."""
        return self.weight

    def energy(self, z: ArrayOrTensor) -> ArrayOrTensor:
        """Compute E_q, (N, D) → (N,)."""
        return evaluate(lambda t, dtype: -torch.logsumexp(self._logits(t, dtype), dim=1), z)

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        """Compute ∇E_q = -softmax(logits) W, (N, D) → (N, D)."""
        return -torch.softmax(self._logits(z, z.dtype), dim=1) @ self._constants.like(z)["weight"]

    def sample(
        self, n: int, generator: torch.Generator | None = None, like: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Draw (n, D) starting points of chains from a Gaussian with the features' mean and spread.

        The energy of the logits itself has no closed-form sampler.
        """
        like = torch.empty(0) if like is None else like
        k = self._constants.like(like)
        noise = torch.randn(n, len(k["mean"]), generator=generator, device=like.device, dtype=like.dtype)
        return k["mean"] + noise * k["std"]

    def _logits(self, z: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        logits = (z @ self._constants.like(z)["weight"].T).to(dtype)
        return logits + self._constants.like(logits)["bias"]
