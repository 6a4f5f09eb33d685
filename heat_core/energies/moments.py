"""Counts, means and scatter of classes, from which a Gaussian mixture is fitted; those of parts can be added.

Products are computed in the features' working precision (float32 or float64), and the results of the blocks are added
in float64. From each row the mean of a few rows of its class is subtracted first, so that the sums lose no digits
(Chan, Golub & LeVeque, 1983).
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

_PANEL = 256  # columns of the scatter that are computed at a time
_FIRST = 16  # rows of a class whose mean is subtracted from all of its rows


@dataclass(frozen=True)
class Moments:
    """Sufficient statistics of features z (N, D) with classes y (N,).

    Attributes:
        counts: (C,) number of rows of each class.
        means: (C, D) float64 class means; zeros where a class has no row.
        scatter: (D, D) float64 scatter around the class means, Σ_n (z_n - μ_y)(z_n - μ_y)ᵀ.
    """

    counts: np.ndarray
    means: np.ndarray
    scatter: np.ndarray

    @classmethod
    def from_rows(cls, z: Rows, index: np.ndarray, classes: int, exact: bool = False) -> Self:
        """Compute the moments of (N, D) features in one pass over them.

        Args:
            z: features, as an array or anything that is sliced like one.
            index: (N,) class number of each row, below `classes`.
            classes: number of classes C.
            exact: whether products are computed in float64 also for features of lower precision.
        """
        counts = np.bincount(index, minlength=classes)
        shift = _first_means(z, index, classes)
        device = compute_device()
        origins = as_tensor(shift.astype(np.float64 if exact else compute_dtype(z.dtype))).to(device)
        row_classes = as_tensor(index).to(device)
        sums, total = (torch.zeros(n, z.shape[1], dtype=torch.float64, device=device) for n in (classes, z.shape[1]))
        # One buffer serves all blocks, because allocating memory for each would take longer than its sums.
        buffer = origins.new_empty(min(BLOCK, len(z)), z.shape[1])
        for rows, block in blocks(z, np.float64 if exact else None):
            own, shifted = row_classes[rows], buffer[: len(block)]
            torch.index_select(origins, 0, own, out=shifted)
            torch.sub(as_tensor(block).to(device), shifted, out=shifted)
            sums += torch.zeros_like(origins).index_add_(0, own, shifted)
            _add_square(total, shifted)
        # `origins` is what was subtracted, already rounded: its rounding causes no error in the scatter.
        sums, total, origins = sums.cpu(), total.cpu(), origins.cpu()
        off = sums / as_tensor(np.maximum(counts, 1))[:, None]
        total = torch.triu(total) + torch.triu(total, 1).T - sums.T @ off
        return cls(counts, np.where(counts[:, None], (origins.double() + off).numpy(), 0.0), total.numpy())

    def __add__(self, other: "Moments") -> "Moments":
        """Compute the moments of both sets of rows together; a class may be absent from either.

        Raises:
            HeatError: when the numbers of classes or the dimensions differ.
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
        """Mean of all rows, (D,)."""
        return self.counts @ self.means / self.counts.sum()

    @property
    def squared_norm(self) -> float:
        """Mean of ‖z‖² over all rows."""
        total = np.trace(self.scatter) + self.counts @ (self.means**2).sum(axis=1)
        return float(total / self.counts.sum())


def sum_of_fourth_powers(z: Rows, index: np.ndarray, means: np.ndarray) -> float:
    """Compute Σ_n ‖z_n - μ_y‖⁴ over (N, D) rows in float64, for `ledoit_wolf`.

    Args:
        z: features, as an array or anything that is sliced like one.
        index: (N,) class number of each row.
        means: (C, D) class means μ.
    """
    total = 0.0
    for rows, block in blocks(z, np.float64):
        squared = ((block - means[index[rows]]) ** 2).sum(axis=1)
        total += float(squared @ squared)
    return total


def ledoit_wolf(moments: Moments, fourth_powers: float) -> np.ndarray:
    """Compute the covariance shrunk towards a multiple of the identity (Ledoit & Wolf, 2004), (D, D).

    The result is that of scikit-learn's `ledoit_wolf` of the rows minus their class means, which takes three products
    of all rows where the scatter takes one: beside it only the fourth powers of the rows' norms are needed.

    Args:
        moments: moments of the rows, with products in float64.
        fourth_powers: `sum_of_fourth_powers` of the same rows.
    """
    n, dim = moments.counts.sum(), len(moments.scatter)
    covariance = moments.scatter / n
    variance, squares = np.trace(covariance) / dim, float((covariance**2).sum())
    distance = squares / dim - variance**2  # δ² = ‖Σ - μI‖² / D
    noise = min((fourth_powers / n - squares) / (n * dim), distance)  # β²
    shrinkage = noise / distance if distance > 0 else 0.0
    shrunk = (1 - shrinkage) * covariance
    shrunk[np.diag_indices(dim)] += shrinkage * variance
    return shrunk


def class_means(
    z: Rows, index: np.ndarray, classes: int, of_block: Callable[[np.ndarray], np.ndarray] = lambda block: block
) -> np.ndarray:
    """Compute the class means, (C, D) float64, of rows or of a function of them; zeros where a class has no row.

    Args:
        z: features, as an array or anything that is sliced like one.
        index: (N,) class number of each row, below `classes`.
        classes: number of classes C.
        of_block: function of a block of rows, (n, D) → (n, D).
    """
    row_classes, sums = as_tensor(index), torch.zeros(classes, z.shape[1], dtype=torch.float64)
    for rows, block in blocks(z):
        sums.index_add_(0, row_classes[rows], as_tensor(of_block(block)).double())
    return sums.numpy() / np.maximum(np.bincount(index, minlength=classes), 1)[:, None]


def _first_means(z: Rows, index: np.ndarray, classes: int) -> np.ndarray:
    """Compute the mean of the first 16 rows of each class, (C, D)."""
    rows = np.flatnonzero(rank_in_class(index, len(index)) < _FIRST)
    sums = np.zeros((classes, z.shape[1]))
    for i in range(0, len(rows), BLOCK):
        part = rows[i : i + BLOCK]
        np.add.at(sums, index[part], z[part])
    return sums / np.maximum(np.bincount(index[rows], minlength=classes), 1)[:, None]


def _add_square(total: torch.Tensor, z: torch.Tensor) -> None:
    """Add zᵀz to the upper triangle of (D, D), panel by panel, which skips most of the lower triangle."""
    for i in range(0, len(total), _PANEL):
        total[i : i + _PANEL, i:] += z[:, i : i + _PANEL].T @ z[:, i:]
