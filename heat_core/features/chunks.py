"""Rows of features that may be larger than memory: sliced like an array, read block by block."""

import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from heat_core.memory import release_pages
from heat_core.types import Rows

if TYPE_CHECKING:
    import torch

BLOCK = 4096  # rows that are in memory at a time
_CACHED_VALUES = 2**20  # numbers that stay in a processor's cache from one product to the next


def compute_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The precision in which products of features are taken: their own, and float32 at least."""
    return np.dtype(np.float64 if dtype == np.float64 or not np.issubdtype(dtype, np.floating) else np.float32)


def rows_in_cache(z: Rows) -> int:
    """How many rows stay in a processor's cache."""
    return min(max(_CACHED_VALUES // z.shape[1], 1), BLOCK)


def as_tensor(block: np.ndarray) -> "torch.Tensor":
    """The same memory as a tensor, which is only read: a mapped file's cannot be written."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "not writable"
        return torch.from_numpy(block)


def compute_device() -> "torch.device":
    """Where large products are taken: on CUDA where there is one. Apple's GPUs lack the float64 of what follows."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def non_finite_rows(z: Rows) -> np.ndarray:
    """Indices of the rows that hold NaN or infinity."""
    row_indices = [np.empty(0, int)]
    for part, block in blocks(z):
        with np.errstate(all="ignore"):
            if not np.isfinite(block.sum()):  # a sum that is finite says at once that there is none
                row_indices.append(part.start + np.flatnonzero(~np.isfinite(block).reshape(len(block), -1).all(axis=1)))
    return np.concatenate(row_indices)


def map_blocks(function: Callable[[np.ndarray], np.ndarray], z: Rows, rows: int = BLOCK) -> np.ndarray:
    """A function of rows, (n, D) → (n, …), of all of them.

    The answers go into one array made before: kept one by one they would lie between the blocks' own, and hold the
    memory of those.
    """
    results: np.ndarray | None = None
    for part, block in blocks(z, rows=rows):
        result = function(block)
        if results is None:
            results = np.empty((len(z), *result.shape[1:]), result.dtype)
        results[part] = result
    return np.empty(0) if results is None else results


def blocks(z: Rows, dtype: DTypeLike | None = None, rows: int = BLOCK) -> Iterator[tuple[slice, np.ndarray]]:
    """(which rows, those rows), so many at a time: in the features' working precision, or as `dtype`. They may be the
    features themselves: what is changed in place must be a copy. A large mapped file holds no memory for what was read.
    """
    for i in range(0, len(z), rows):
        part = slice(i, i + rows)
        yield part, np.asarray(z[part], dtype=dtype or compute_dtype(z.dtype))
        release_pages(z)
