"""What a mixture is fitted from: counts, means and scatter of the classes. They can be made apart and added.

Products are taken in the features' own precision, blocks of them are added in float64. Every row is first measured
from the mean of a few rows of its class, so that the sums lose no digits (Chan, Golub & LeVeque, 1983).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from heat_core.data.splits import rank_in_class
from heat_core.errors import HeatError
from heat_core.features.chunks import BLOCK, as_tensor, blocks, compute_device, compute_dtype
from heat_core.types import Rows

_PANEL = 256  # columns of the scatter that are made at a time
_FIRST = 16  # rows of a class whose mean is what the others are measured from


@dataclass(frozen=True)
class Moments:
    """Of features z with classes y.

    Attributes:
        counts: (C,) rows of each class.
        means: (C, D) float64 class means; zeros where a class has no row.
        scatter: (D, D) float64, Σ_n (z_n - μ_y)(z_n - μ_y)ᵀ.
    """

    counts: np.ndarray
    means: np.ndarray
    scatter: np.ndarray

    @classmethod
    def from_rows(cls, z: Rows, index: np.ndarray, classes: int, exact: bool = False) -> Self:
        """One pass over (N, D) features with (N,) class numbers below `classes`.

        Args:
            z: an array, or whatever is sliced like one.
            index: class of each row.
            classes: C.
            exact: take the products in float64, too.
        """
        counts = np.bincount(index, minlength=classes)
        shift = _first_means(z, index, classes)
        near = as_tensor(shift.astype(np.float64 if exact else compute_dtype(z.dtype))).to(device := compute_device())
        of_row = as_tensor(index).to(device)
        sums, total = (torch.zeros(n, z.shape[1], dtype=torch.float64, device=device) for n in (classes, z.shape[1]))
        room = near.new_empty(min(BLOCK, len(z)), z.shape[1])  # new memory for each block would cost more than its sums
        for rows, block in blocks(z, np.float64 if exact else None):
            own, moved = of_row[rows], room[: len(block)]
            torch.index_select(near, 0, own, out=moved)
            torch.sub(as_tensor(block).to(device), moved, out=moved)
            sums += torch.zeros_like(near).index_add_(0, own, moved)
            _add_square(total, moved)
        # of the rows as they were shifted: the rounding of `near` is no error of the scatter
        sums, total, near = sums.cpu(), total.cpu(), near.cpu()
        off = sums / as_tensor(np.maximum(counts, 1))[:, None]
        total = torch.triu(total) + torch.triu(total, 1).T - sums.T @ off
        return cls(counts, np.where(counts[:, None], (near.double() + off).numpy(), 0.0), total.numpy())

    def __add__(self, other: "Moments") -> "Moments":
        """Of both sets of rows together, whichever classes they have rows of.

        Raises:
            HeatError: where they are of other classes or dimensions.
        """
        if self.means.shape != other.means.shape:
            raise HeatError(
                f"Moments of {self.means.shape[0]} classes × {self.means.shape[1]} features and of "
                f"{other.means.shape[0]} × {other.means.shape[1]} cannot be added."
            )
        counts = self.counts + other.counts
        share = (other.counts / np.maximum(counts, 1))[:, None]
        apart = other.means - self.means
        means = self.means + share * apart
        between = (self.counts[:, None] * share * apart).T @ apart
        return Moments(counts, means, self.scatter + other.scatter + between)

    @property
    def centre(self) -> np.ndarray:
        """(D,) mean of all rows."""
        return self.counts @ self.means / self.counts.sum()

    @property
    def squared_norm(self) -> float:
        """Mean of ‖z‖²."""
        total = np.trace(self.scatter) + self.counts @ (self.means**2).sum(axis=1)
        return float(total / self.counts.sum())


def class_means(
    z: Rows, index: np.ndarray, classes: int, of_block: Callable[[np.ndarray], np.ndarray] = lambda block: block
) -> np.ndarray:
    """(C, D) float64 means of each class's rows, or of what a function makes of them; zeros where a class has none.

    Args:
        z: an array, or whatever is sliced like one.
        index: class of each row.
        classes: C.
        of_block: (n, D) → (n, D).
    """
    of_row, sums = as_tensor(index), torch.zeros(classes, z.shape[1], dtype=torch.float64)
    for rows, block in blocks(z):
        sums.index_add_(0, of_row[rows], as_tensor(of_block(block)).double())
    return sums.numpy() / np.maximum(np.bincount(index, minlength=classes), 1)[:, None]


def _first_means(z: Rows, index: np.ndarray, classes: int) -> np.ndarray:
    """(C, D) means of the first rows of each class."""
    rows = np.flatnonzero(rank_in_class(index, len(index)) < _FIRST)
    sums = np.zeros((classes, z.shape[1]))
    for i in range(0, len(rows), BLOCK):
        part = rows[i : i + BLOCK]
        np.add.at(sums, index[part], z[part])
    return sums / np.maximum(np.bincount(index[rows], minlength=classes), 1)[:, None]


def _add_square(total: torch.Tensor, z: torch.Tensor) -> None:
    """Add zᵀz to the upper triangle of (D, D): panel by panel, little of the lower one is made."""
    for i in range(0, len(total), _PANEL):
        total[i : i + _PANEL, i:] += z[:, i : i + _PANEL].T @ z[:, i:]
