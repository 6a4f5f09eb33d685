"""Features that may be larger than memory: sliced like an array, and read block by block."""

import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from heat_core.memory import release_pages
from heat_core.types import Rows

if TYPE_CHECKING:
    import torch

BLOCK = 4096  # rows in memory at a time
_CACHED_VALUES = 2**20  # numbers that fit into a processor's cache between two products


def compute_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype of products: float64 for float64 or integer input, else float32."""
    return np.dtype(np.float64 if dtype == np.float64 or not np.issubdtype(dtype, np.floating) else np.float32)


def rows_in_cache(z: Rows) -> int:
    """Return the number of rows that fit into a processor's cache, at most `BLOCK`."""
    return min(max(_CACHED_VALUES // z.shape[1], 1), BLOCK)


def as_tensor(block: np.ndarray) -> "torch.Tensor":
    """Wrap an array as a tensor on the same memory, which must only be read, since a mapped file is read-only."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the warning that the array is not writable
        return torch.from_numpy(block)


def compute_device() -> "torch.device":
    """Return the device of large products: CUDA where it is available, else the CPU.

    Apple's GPUs are not used, since they lack float64.
    """
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def non_finite_rows(z: Rows) -> np.ndarray:
    """Return the indices of the rows that hold NaN or infinity."""
    row_indices = [np.empty(0, int)]
    for part, block in blocks(z):
        with np.errstate(all="ignore"):
            if not np.isfinite(block.sum()):  # a finite sum shows that all numbers are finite
                row_indices.append(part.start + np.flatnonzero(~np.isfinite(block).reshape(len(block), -1).all(axis=1)))
    return np.concatenate(row_indices)


def map_blocks(function: Callable[[np.ndarray], np.ndarray], z: Rows, rows: int = BLOCK) -> np.ndarray:
    """Apply a function of rows, (n, D) → (n, …), to all rows, block by block.

    The results are written into one array that is allocated before: results kept one by one would lie between the
    blocks in memory, and would prevent the memory of the blocks from being returned.
    """
    results: np.ndarray | None = None
    for part, block in blocks(z, rows=rows):
        result = function(block)
        if results is None:
            results = np.empty((len(z), *result.shape[1:]), result.dtype)
        results[part] = result
    return np.empty(0) if results is None else results


def blocks(z: Rows, dtype: DTypeLike | None = None, rows: int = BLOCK) -> Iterator[tuple[slice, np.ndarray]]:
    """Iterate over (slice of rows, these rows), `rows` at a time.

    The rows are in the features' working precision (`compute_dtype`), or of type `dtype`. They may share memory with
    the features, so that a copy is needed before they are changed in place. The memory of a large mapped file is
    released after each block.
    """
    for i in range(0, len(z), rows):
        part = slice(i, i + rows)
        yield part, np.asarray(z[part], dtype=dtype or compute_dtype(z.dtype))
        release_pages(z)
