"""Selection of samples by their rank within their class."""

import numpy as np

from heat_core.errors import HeatError


def rank_in_class(labels: np.ndarray | None, n: int) -> np.ndarray:
    """Return the 0-based rank of each sample within its class.

    Args:
        labels: (n,) class numbers; None = all samples belong to one class.
        n: number of samples.

    Returns:
        (n,) ranks.
    """
    labels = np.zeros(n, int) if labels is None else labels
    rank, order = np.empty(n, int), np.argsort(labels, kind="stable")
    sorted_labels = labels[order]
    rank[order] = np.arange(n) - np.searchsorted(sorted_labels, sorted_labels)
    return rank


def require_positive(per_class: int) -> None:
    """Raise HeatError if a limit per class is less than 1."""
    if per_class < 1:
        raise HeatError(f"The limit per class must be at least 1, not {per_class}.")


def held_out_rows(labels: np.ndarray | None, n: int, every: int) -> np.ndarray:
    """Mark every `every`-th sample of each class.

    Args:
        labels: (n,) class numbers; None = all samples belong to one class.
        n: number of samples.
        every: one of so many samples is held out.

    Returns:
        (n,) bool, True for held-out samples.

    Raises:
        HeatError: if no class has `every` samples.
    """
    held_out = rank_in_class(labels, n) % every == every - 1
    if not held_out.any():
        raise HeatError(f"No class has {every} samples of which one could be held out: give an ID test set.")
    return held_out
