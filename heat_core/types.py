"""Types that several packages share."""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np


class Rows(Protocol):
    """Array of shape (N, D), memory-mapped or not, or a view that is computed when it is read (`views.ViewedRows`)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape (N, D)."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> np.ndarray: ...


Head = tuple[np.ndarray, np.ndarray]  # weight (C, D) and bias (C,) of a linear layer
FitHead = Callable[[Rows, np.ndarray], Head]  # fits a head on (features, labels)
OnStep = Callable[[int, float], None]  # called with (number of loss evaluations so far, their mean)
