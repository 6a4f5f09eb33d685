"""The contract of a prior, and what the fits of all of them share."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np
import torch

from heat_core.errors import HeatError
from heat_core.features.chunks import (
    BLOCK,
    as_tensor,
    blocks,
    compute_device,
    compute_dtype,
    map_blocks,
    non_finite_rows,
    rows_in_cache,
)
from heat_core.types import Rows

ArrayOrTensor = TypeVar("ArrayOrTensor", np.ndarray, torch.Tensor)
ScoringDtypes = Mapping[str, type[np.floating[Any]]]
PriorKind = TypeVar("PriorKind", bound="Prior")


class Prior(Protocol):
    """An energy in closed form: E_q(z) = -log q(z) up to a constant.

    Attributes:
        scoring_dtypes: the constants that the energy of float32 features reads → the precision in which it reads them.
    """

    scoring_dtypes: ClassVar[ScoringDtypes]

    def fit(self, z: Rows, y: np.ndarray) -> Self:
        """Fit on (N, D) features and (N,) labels, sums in float64; returns itself."""
        ...

    def fit_clone(self, z: Rows, y: np.ndarray) -> "Prior":
        """The same kind of prior fitted on other samples (for held-out energies)."""
        ...

    def energy(self, z: ArrayOrTensor) -> ArrayOrTensor:
        """(N, D) → (N,): of an array in float64, of a tensor in its own precision and on its own device."""
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


def validate_features(z: Rows | torch.Tensor) -> Rows:
    """(N, D) finite, in its own precision; HeatError otherwise. Sums over it belong in float64: see `moments`."""
    if isinstance(z, torch.Tensor):
        z = z.cpu().numpy()
    if not hasattr(z, "shape"):
        z = np.asarray(z)
    if len(z.shape) != 2 or not len(z):
        raise HeatError(f"Features must be a non-empty (N, D) array, not {z.shape}.")
    if bad := len(non_finite_rows(z)):
        raise HeatError(f"{bad} of {len(z)} feature rows hold NaN or infinity: extract the features again in float32.")
    return z


def column_moments(z: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each column of (N, D), float64."""
    near = np.asarray(z[: min(len(z), 64)], dtype=np.float64).mean(axis=0)
    total, squares = np.zeros_like(near), np.zeros_like(near)
    for _, block in blocks(z):
        block = block - near.astype(block.dtype)
        total += block.sum(axis=0)
        squares += np.einsum("nd,nd->d", block, block)
    off = total / len(z)
    return near.astype(compute_dtype(z.dtype)) + off, np.sqrt(np.maximum(squares / len(z) - off**2, 0.0))


class ConstantsLike(Protocol):
    """Numbers of a prior, of the device and precision of the points that they meet."""

    def like(self, z: torch.Tensor) -> dict[str, torch.Tensor]: ...


class Constants:
    """Fitted float64 numbers, handed out as tensors of the device and precision that a call needs."""

    def __init__(self, **arrays: np.ndarray | torch.Tensor) -> None:
        self.arrays = arrays
        self._tensors: dict[tuple[torch.device, torch.dtype], dict[str, torch.Tensor]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_tensors": {}}  # another machine may have no such device

    def like(self, z: torch.Tensor) -> dict[str, torch.Tensor]:
        key = (z.device, z.dtype)
        if key not in self._tensors:
            self._tensors[key] = {k: torch.as_tensor(v).to(z.dtype).to(z.device) for k, v in self.arrays.items()}
        return self._tensors[key]


_CONSTANTS = "_constants"  # where every prior keeps what it was fitted to


def scoring_constants(prior: Prior) -> dict[str, np.ndarray]:
    """What the energy of a fitted prior reads, and nothing that only training reads; for `prior_from_constants`."""
    arrays = vars(prior)[_CONSTANTS].arrays
    return {name: np.ascontiguousarray(arrays[name], dtype=kind) for name, kind in prior.scoring_dtypes.items()}


def prior_from_constants(kind: type[PriorKind], constants: ConstantsLike) -> PriorKind:
    """A prior from what `scoring_constants` gave: it gives the same energies, and can do no more."""
    prior = kind.__new__(kind)
    vars(prior)[_CONSTANTS] = constants
    return prior


def evaluate(energy: Callable[[torch.Tensor, torch.dtype], torch.Tensor], z: ArrayOrTensor) -> ArrayOrTensor:
    """Apply `energy`, a function of points and of the precision of what follows the first product: to a tensor in its
    own, to an array block by block in float64 (and answer with an array)."""
    if isinstance(z, torch.Tensor):
        return energy(z, z.dtype)
    device = compute_device()
    with torch.no_grad():
        of_block = lambda block: energy(as_tensor(block).to(device), torch.float64).double().cpu().numpy()  # noqa: E731
        return map_blocks(of_block, z, rows=rows_in_cache(z) if device.type == "cpu" else BLOCK)
