"""The contract of a prior, and the view of the features that it reads."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from heat_core.errors import HeatError

_BLOCK = 1024  # rows that are converted to float64 at a time


@dataclass(frozen=True)
class View:
    """Which column of the Features a prior reads, and whether each row is L2-normalised."""

    column: str
    normalised: bool

    def of(self, features) -> np.ndarray:
        """(N, D) float32 rows of `features.avg` or `features.std`."""
        column = getattr(features, self.column)
        if column is None:
            raise HeatError(f"these features have no {self.column}.npy: give one, or choose other priors.")
        if not self.normalised:
            return np.asarray(column, dtype=np.float32)
        z = np.array(column, dtype=np.float32)  # a copy: the column is read-only
        z /= np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12)
        return z

    def project(self, z: torch.Tensor, non_negative: bool) -> torch.Tensor:
        """Bring points that a Langevin step moved back to where the features of this view live."""
        if non_negative:
            z = z.clamp_min(0)
        return torch.nn.functional.normalize(z, dim=1) if self.normalised else z


class Prior(Protocol):
    """An energy in closed form: E_q(z) = -log q(z) up to a constant."""

    def energy(self, z): ...

    def gradient(self, z: torch.Tensor) -> torch.Tensor: ...

    def sample(self, n: int, generator: torch.Generator | None = None) -> torch.Tensor: ...


def checked_features(z) -> np.ndarray:
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
        self._tensors: dict = {}

    def like(self, z: torch.Tensor) -> dict[str, torch.Tensor]:
        key = (z.device, z.dtype)
        if key not in self._tensors:
            self._tensors[key] = {k: torch.as_tensor(v).to(z.dtype).to(z.device) for k, v in self.arrays.items()}
        return self._tensors[key]


def array_or_tensor(energy, z):
    """Apply `energy` to a tensor as it is, or to an array in float64 blocks (and answer with an array)."""
    if isinstance(z, torch.Tensor):
        return energy(z)
    with torch.no_grad():
        parts = [energy(torch.from_numpy(block)).numpy() for _, block in blocks(np.asarray(z))]
    return np.concatenate(parts) if parts else np.empty(0)
