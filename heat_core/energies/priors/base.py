"""The interface of a prior, and functions that several priors share."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self, TypeVar

import numpy as np
import torch

from heat_core.arrays import to_array
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.errors import HeatError, is_out_of_memory
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
from heat_core.types import FitHead, Head, Rows

ArrayOrTensor = TypeVar("ArrayOrTensor", np.ndarray, torch.Tensor)
ScoringDtypes = Mapping[str, type[np.floating[Any]]]


@dataclass(frozen=True)
class PriorContext:
    """What a prior may need of a run.

    Attributes:
        head: linear head (weight (C, D), bias (C,)) that reads `avg`.
        fit_head: function (features, labels) → head, where the head was itself fitted on the training features.
        covariance: covariance estimator of the mixtures, see `GaussianMixture`.
        id_set: cifar10, cifar100, imagenet or "", the ID set whose published values a prior uses.
        weights: class weights of the mixtures, see `GaussianMixture`.
    """

    head: Head
    fit_head: FitHead | None = None
    covariance: str = "auto"
    id_set: str = ""
    weights: str = "uniform"


class ConstantsLike(Protocol):
    """Fitted numbers of a prior, as tensors with the device and dtype of given points."""

    def like(self, z: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the numbers as tensors with the device and dtype of `z`."""
        ...


class Constants:
    """Fitted float64 arrays by name, which `like` returns as tensors of a device and dtype, converted once for each."""

    def __init__(self, **arrays: np.ndarray | torch.Tensor) -> None:
        self.arrays = arrays
        self._tensors: dict[tuple[torch.device, torch.dtype], dict[str, torch.Tensor]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_tensors": {}}  # The machine that unpickles it may lack the device.

    def like(self, z: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the constants as tensors with the device and dtype of `z`."""
        key = (z.device, z.dtype)
        if key not in self._tensors:
            self._tensors[key] = {k: torch.as_tensor(v).to(z.dtype).to(z.device) for k, v in self.arrays.items()}
        return self._tensors[key]


_CONSTANTS = "_constants"  # the attribute in which a prior keeps its fitted numbers


class Prior(ABC):
    """Energy in closed form: E_q(z) = -log q(z) up to a constant.

    A prior keeps what it was fitted to as `_constants`, from which a guard restores it. What is said about it in
    tables is in the table of priors (`heat_core.energies.names.PriorSpec`).

    Attributes:
        scoring_dtypes: name of each constant that the energy reads → the dtype that it needs for float32 features.
    """

    scoring_dtypes: ClassVar[ScoringDtypes] = {}
    _constants = FittedAttribute[Constants]()

    @classmethod
    def for_run(cls, context: PriorContext) -> Self:  # noqa: ARG003
        """Make the prior for a run; it is not fitted yet. By default it needs nothing of the run."""
        return cls()

    @abstractmethod
    def fit(self, z: Rows, y: np.ndarray) -> Self:
        """Fit on (N, D) features and (N,) labels, with sums in float64, and return the prior."""

    def fit_clone(self, z: Rows, y: np.ndarray) -> Self:
        """Fit a new prior of the same kind and settings on other samples, to compute held-out energies."""
        return copy.copy(self).fit(z, y)  # of the same class, with whatever settings a subclass adds

    @abstractmethod
    def energy(self, z: ArrayOrTensor) -> ArrayOrTensor:
        """Compute E_q, (N, D) → (N,): of an array in float64, of a tensor in its own dtype and on its own device."""

    @abstractmethod
    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        """Compute ∇E_q, (N, D) → (N, D)."""

    @abstractmethod
    def sample(
        self, n: int, generator: torch.Generator | None = None, like: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Draw (n, D) starting points of Langevin chains, float32 on the CPU or with dtype and device of `like`."""

    @property
    def head_weight(self) -> np.ndarray | None:
        """Weight (C, D) of the head if the energy reads only the logits; None if it reads every direction."""
        return None

    def scoring_constants(self) -> dict[str, np.ndarray]:
        """Collect the constants that the energy reads, without those that only training reads.

        Raises:
            HeatError: where the class does not say which they are, or has not kept them.
        """
        constants = vars(self).get(_CONSTANTS)
        missing = [name for name in self.scoring_dtypes if not constants or name not in constants.arrays]
        if not self.scoring_dtypes or missing:
            what = f"keeps no {missing[0]} in _constants" if missing else "has no scoring_dtypes"
            raise HeatError(f"{type(self).__name__} cannot be stored in a guard: it {what}.")
        arrays = vars(self)[_CONSTANTS].arrays
        return {name: np.ascontiguousarray(arrays[name], dtype=kind) for name, kind in self.scoring_dtypes.items()}

    @classmethod
    def from_constants(cls, constants: ConstantsLike) -> Self:
        """Restore a prior from its `scoring_constants`; it computes the same energies, other methods may fail."""
        prior = cls.__new__(cls)
        vars(prior)[_CONSTANTS] = constants
        return prior


def validate_features(z: Rows | torch.Tensor) -> Rows:
    """Check that features are (N, D), not empty and finite, and return them in their own dtype.

    Sums over them need float64, see `heat_core.energies.moments`.

    Raises:
        HeatError: when the shape is another, or rows hold NaN or infinity.
    """
    if isinstance(z, torch.Tensor) or not hasattr(z, "shape"):
        z = to_array(z)
    if len(z.shape) != 2 or not len(z) or z.dtype.kind not in "fiub":
        raise HeatError(f"Features must be a non-empty (N, D) array of numbers, not {z.dtype} {z.shape}.")
    if bad := len(non_finite_rows(z)):
        raise HeatError(f"{bad} of {len(z)} feature rows hold NaN or infinity: extract the features again in float32.")
    return z


def column_moments(z: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Compute mean and standard deviation of each column of (N, D) features, both (D,) float64."""
    near = np.asarray(z[: min(len(z), 64)], dtype=np.float64).mean(axis=0)
    total, squares = np.zeros_like(near), np.zeros_like(near)
    for _, block in blocks(z):
        block = block - near.astype(block.dtype)
        total += block.sum(axis=0)
        squares += np.einsum("nd,nd->d", block, block)
    off = total / len(z)
    return near.astype(compute_dtype(z.dtype)) + off, np.sqrt(np.maximum(squares / len(z) - off**2, 0.0))


def evaluate(energy: Callable[[torch.Tensor, torch.dtype], torch.Tensor], z: ArrayOrTensor) -> ArrayOrTensor:
    """Evaluate energy(z, dtype): tensors in their own dtype, arrays in blocks with float64 sums.

    Args:
        energy: function of points and of the dtype of everything after the first matrix product.
        z: (N, D) tensor or array.

    Returns:
        A tensor for a tensor, and a float64 array for an array.
    """
    points: Any = z if hasattr(z, "shape") else to_array(z)
    if len(points.shape) != 2:
        raise HeatError(f"z must be (N, D) points, not {tuple(points.shape)}.")
    energies: Any
    if isinstance(points, torch.Tensor):
        energies = energy(points, points.dtype)
        return energies
    try:
        device = compute_device()
        with torch.no_grad():
            of_block = lambda b: energy(as_tensor(b).to(device), torch.float64).double().cpu().numpy()  # noqa: E731
            energies = map_blocks(of_block, points, rows=rows_in_cache(points) if device.type == "cpu" else BLOCK)
            return energies
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        shape = tuple(points.shape)
        raise HeatError(f"z has the shape {shape}, which this prior was not fitted for ({error}).") from error
