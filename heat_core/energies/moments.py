"""What a mixture is fitted from: counts, means and scatter of the classes. They can be made apart and added.

Products are taken in the features' own precision, blocks of them are added in float64. Every row is first measured
from the mean of a few rows of its class, so that the sums lose no digits (Chan, Golub & LeVeque, 1983).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from heat_core.errors import HeatError
from heat_core.features.rows import Rows, blocks

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
    def of(cls, z: Rows, index: np.ndarray, classes: int, exact: bool = False) -> Self:
        """One pass over (N, D) features with (N,) class numbers below `classes`.

        Args:
            z: an array, or whatever is sliced like one.
            index: class of each row.
            classes: C.
            exact: take the products in float64, too.
        """
        counts = np.bincount(index, minlength=classes)
        shift = _first_means(z, index, classes)
        near = shift.astype(np.float64 if exact else z.dtype)
        sums, scatter = np.zeros_like(shift), np.zeros((z.shape[1], z.shape[1]))
        for rows, block in blocks(z, np.float64 if exact else None):
            own = index[rows]
            block = block - near[own]
            sums += _sums(block, own, classes)
            scatter += block.T @ block
        # of the rows as they were shifted: the rounding of `near` is no error of the scatter
        off = sums / np.maximum(counts, 1)[:, None]
        scatter -= (counts[:, None] * off).T @ off
        return cls(counts, np.where(counts[:, None], near + off, 0.0), scatter)

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


def _first_means(z: Rows, index: np.ndarray, classes: int) -> np.ndarray:
    """(C, D) means of the first rows of each class."""
    order = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order], np.arange(classes))
    rank = np.arange(len(order)) - starts[index[order]]
    rows = np.sort(order[rank < _FIRST])
    sums = np.zeros((classes, z.shape[1]))
    for i in range(0, len(rows), 4096):
        part = rows[i : i + 4096]
        sums += _sums(np.asarray(z[part], dtype=np.float64), index[part], classes)
    return sums / np.maximum(np.bincount(index[rows], minlength=classes), 1)[:, None]


def _sums(block: np.ndarray, own: np.ndarray, classes: int) -> np.ndarray:
    """(C, D): sums of the rows of each class."""
    n = len(block)
    members = csr_array((np.ones(n, block.dtype), (own, np.arange(n))), shape=(classes, n))
    return members @ block
