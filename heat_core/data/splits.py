"""Which samples of a set are taken: the first of each class, or all but every fifth."""

import numpy as np

from heat_core.errors import HeatError


def rank_in_class(labels: np.ndarray | None, n: int) -> np.ndarray:
    """(n,) the how-manieth of its class each sample is, from 0; of the whole set where there are no labels."""
    labels = np.zeros(n, int) if labels is None else labels
    rank, order = np.empty(n, int), np.argsort(labels, kind="stable")
    sorted_labels = labels[order]
    rank[order] = np.arange(n) - np.searchsorted(sorted_labels, sorted_labels)
    return rank


def require_positive(per_class: int) -> None:
    if per_class < 1:
        raise HeatError(f"The limit per class must be at least 1, not {per_class}.")


def held_out_rows(labels: np.ndarray | None, n: int, every: int) -> np.ndarray:
    """(n,) True for every `every`-th sample of each class; HeatError where no class has that many."""
    held_out = rank_in_class(labels, n) % every == every - 1
    if not held_out.any():
        raise HeatError(f"No class has {every} samples of which one could be held out: give an ID test set.")
    return held_out
