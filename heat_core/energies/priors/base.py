"""The contract of a prior, and what the fits of all of them share."""

from collections.abc import Callable, Iterator
from typing import Protocol, Self, TypeVar

import numpy as np
import torch

from heat_core.errors import HeatError
from heat_core.features.heads import Head

_BLOCK = 1024  # rows that are converted to float64 at a time


ArrayOrTensor = TypeVar("ArrayOrTensor", np.ndarray, torch.Tensor)
FitHead = Callable[[np.ndarray, np.ndarray], Head]  # (z, y) → a head fitted on them


class Prior(Protocol):
    """An energy in closed form: E_q(z) = -log q(z) up to a constant."""

    def fit(self, z: np.ndarray, y: np.ndarray) -> Self:
        """Fit on (N, D) features and (N,) labels, in float64; returns itself."""
        ...

    def refit(self, z: np.ndarray, y: np.ndarray) -> "Prior":
        """The same kind of prior fitted on other samples (for held-out energies)."""
        ...

    def energy(self, z: ArrayOrTensor) -> ArrayOrTensor:
        """(N, D) → (N,): an array in float64, a tensor in its own precision and on its own device."""
        ...

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        """∇E_q: (N, D) → (N, D)."""
        ...

    def sample(
        self, n: int, generator: torch.Generator | None = None, like: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(n, D) points where Langevin chains start, float32 on the CPU or as `like`."""
        ...

    @property
    def head_weight(self) -> np.ndarray | None:
        """(C, D) of the logits, where the energy reads nothing else; None where it reads every direction."""
        ...


def checked_features(z: np.ndarray | torch.Tensor) -> np.ndarray:
    """(N, D) finite, in its own precision; HeatError otherwise. Sums over it belong in float64: see `blocks`."""
    z = np.asarray(z.cpu() if isinstance(z, torch.Tensor) else z)
    z = z if np.issubdtype(z.dtype, np.floating) else z.astype(np.float64)
    if z.ndim != 2 or not len(z):
        raise HeatError(f"Features must be a non-empty (N, D) array, not {z.shape}.")
    bad = sum(int((~np.isfinite(z[i : i + _BLOCK])).any(axis=1).sum()) for i in range(0, len(z), _BLOCK))
    if bad:
        raise HeatError(f"{bad} of {len(z)} feature rows hold NaN or infinity: extract the features again in float32.")
    return z


def blocks(z: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """(rows, a copy of those rows in float64), so that a fit needs no float64 copy of all of them."""
    for i in range(0, len(z), _BLOCK):
        rows = slice(i, i + _BLOCK)
        yield rows, z[rows].astype(np.float64)


def column_moments(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column of (N, D), float64."""
    mean = sum(block.sum(axis=0) for _, block in blocks(z)) / len(z)
    squares = sum(((block - mean) ** 2).sum(axis=0) for _, block in blocks(z))
    return mean, np.sqrt(squares / len(z))


class Constants:
    """Fitted float64 arrays, handed out as tensors of the device and precision that a call needs."""

    def __init__(self, **arrays: np.ndarray) -> None:
        self.arrays = arrays
        self._tensors: dict[tuple[torch.device, torch.dtype], dict[str, torch.Tensor]] = {}

    def like(self, z: torch.Tensor) -> dict[str, torch.Tensor]:
        key = (z.device, z.dtype)
        if key not in self._tensors:
            self._tensors[key] = {k: torch.as_tensor(v).to(z.dtype).to(z.device) for k, v in self.arrays.items()}
        return self._tensors[key]


def array_or_tensor(energy: Callable[[torch.Tensor], torch.Tensor], z: ArrayOrTensor) -> ArrayOrTensor:
    """Apply `energy` to a tensor as it is, or to an array in float64 blocks (and answer with an array)."""
    if isinstance(z, torch.Tensor):
        return energy(z)
    with torch.no_grad():
        parts = [energy(torch.from_numpy(block)).numpy() for _, block in blocks(np.asarray(z))]
    return np.concatenate(parts) if parts else np.empty(0)
