"""Rows of features that may be larger than memory: sliced like an array, read block by block."""

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike

BLOCK = 4096  # rows that are in memory at a time


class Rows(Protocol):
    """(N, D): an array, a memory-mapped one, or a view of one that is made when it is read (`views.ViewedRows`)."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> np.ndarray: ...


def working(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The precision in which products of features are taken: their own, and float32 at least."""
    return np.dtype(np.float64 if dtype == np.float64 or not np.issubdtype(dtype, np.floating) else np.float32)


def blocks(z: Rows, dtype: DTypeLike | None = None, rows: int = BLOCK) -> Iterator[tuple[slice, np.ndarray]]:
    """(which rows, those rows), so many at a time: in the features' working precision, or as `dtype`. They may be the
    features themselves: what is changed in place must be a copy.
    """
    for i in range(0, len(z), rows):
        part = slice(i, i + rows)
        yield part, np.asarray(z[part], dtype=dtype or working(z.dtype))
