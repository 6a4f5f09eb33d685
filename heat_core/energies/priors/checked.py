"""Priors of plugins: what they give back is checked where they are called, and an error names the plugin."""

from typing import Any, Self

import numpy as np
import torch

from heat_core.energies.priors.base import ArrayOrTensor, Prior
from heat_core.plugins import blaming, checked_array
from heat_core.types import Rows


class CheckedPrior(Prior):
    """A prior of a plugin. Each method raises a `PluginError` where the prior fails, or gives what cannot be used.

    Args:
        inner: the prior.
        origin: name and version of its plugin.

    Attributes:
        dim: dimension D of the features that it was fitted to; 0 before.
    """

    def __init__(self, inner: Prior, origin: str, dim: int = 0) -> None:
        self.inner, self.origin, self.dim = inner, origin, dim

    def fit(self, z: Rows, y: np.ndarray) -> Self:
        """Fit the prior."""
        with blaming(self.origin):
            self.inner.fit(z, y)
        self.dim = z.shape[1]
        return self

    def fit_clone(self, z: Rows, y: np.ndarray) -> Self:
        """Fit a new prior of the same kind on other samples."""
        with blaming(self.origin):
            return type(self)(self.inner.fit_clone(z, y), self.origin, z.shape[1])

    def energy(self, z: ArrayOrTensor) -> ArrayOrTensor:
        """Compute E_q, (N, D) → (N,), all finite."""
        with blaming(self.origin):
            energies: Any = checked_array(self.inner.energy(z), (len(z),), "energy")
            return torch.as_tensor(energies).to(z) if isinstance(z, torch.Tensor) else np.asarray(energies, np.float64)

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        """Compute ∇E_q, (N, D) → (N, D), all finite."""
        with blaming(self.origin):
            return torch.as_tensor(checked_array(self.inner.gradient(z), tuple(z.shape), "gradient")).to(z)

    def sample(
        self, n: int, generator: torch.Generator | None = None, like: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Draw (n, D) starting points, all finite."""
        with blaming(self.origin):
            drawn = torch.as_tensor(checked_array(self.inner.sample(n, generator, like), (n, self.dim), "sample"))
            return drawn.to(torch.empty(0) if like is None else like)

    @property
    def head_weight(self) -> np.ndarray | None:
        """Weight (C, D) of the head if the energy reads only the logits."""
        with blaming(self.origin):
            weight = self.inner.head_weight
            return weight if weight is None else checked_array(weight, (len(weight), self.dim), "head_weight")

    def scoring_constants(self) -> dict[str, np.ndarray]:
        """Collect the constants that the energy reads, all finite."""
        with blaming(self.origin):
            constants = self.inner.scoring_constants()
            return {name: checked_array(array, array.shape, name) for name, array in constants.items()}
