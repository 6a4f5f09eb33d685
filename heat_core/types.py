"""Types that several packages share."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np


class Rows(Protocol):
    """(N, D): an array, a memory-mapped one, or a view of one that is made when it is read (`views.ViewedRows`)."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> np.ndarray: ...


Head = tuple[np.ndarray, np.ndarray]  # weight (C, D) and bias (C,) of a linear layer
FitHead = Callable[[Rows, np.ndarray], Head]  # (features, labels) → a head fitted on them
OnStep = Callable[[int, float], None]  # (evaluations of the loss so far, its mean)
