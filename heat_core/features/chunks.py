"""Rows of features that may be larger than memory: sliced like an array, read block by block."""

import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike

from heat_core.storage import let_go
from heat_core.types import Rows

if TYPE_CHECKING:
    import torch

BLOCK = 4096  # rows that are in memory at a time
_CACHED = 2**20  # numbers that stay in a processor's cache from one product to the next


def working(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The precision in which products of features are taken: their own, and float32 at least."""
    return np.dtype(np.float64 if dtype == np.float64 or not np.issubdtype(dtype, np.floating) else np.float32)


def cached_rows(z: Rows) -> int:
    """How many rows stay in a processor's cache."""
    return min(max(_CACHED // z.shape[1], 1), BLOCK)


def tensor(block: np.ndarray) -> "torch.Tensor":
    """The same memory as a tensor, which is only read: a mapped file's cannot be written."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "not writable"
        return torch.from_numpy(block)


def products() -> "torch.device":
    """Where large products are taken: on CUDA where there is one. Apple's GPUs lack the float64 of what follows."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def rows_not_finite(z: Rows) -> np.ndarray:
    """Indices of the rows that hold NaN or infinity."""
    bad = [np.empty(0, int)]
    for part, block in blocks(z):
        with np.errstate(all="ignore"):
            if not np.isfinite(block.sum()):  # a sum that is finite says at once that there is none
                bad.append(part.start + np.flatnonzero(~np.isfinite(block).reshape(len(block), -1).all(axis=1)))
    return np.concatenate(bad)


def in_blocks(function: Callable[[np.ndarray], np.ndarray], z: Rows, rows: int = BLOCK) -> np.ndarray:
    """A function of rows, (n, D) → (n, …), of all of them.

    The answers go into one array made before: kept one by one they would lie between the blocks' own, and hold the
    memory of those.
    """
    whole: np.ndarray | None = None
    for part, block in blocks(z, rows=rows):
        found = function(block)
        if whole is None:
            whole = np.empty((len(z), *found.shape[1:]), found.dtype)
        whole[part] = found
    return np.empty(0) if whole is None else whole


def blocks(z: Rows, dtype: DTypeLike | None = None, rows: int = BLOCK) -> Iterator[tuple[slice, np.ndarray]]:
    """(which rows, those rows), so many at a time: in the features' working precision, or as `dtype`. They may be the
    features themselves: what is changed in place must be a copy. A large mapped file holds no memory for what was read.
    """
    for i in range(0, len(z), rows):
        part = slice(i, i + rows)
        yield part, np.asarray(z[part], dtype=dtype or working(z.dtype))
        let_go(z)
