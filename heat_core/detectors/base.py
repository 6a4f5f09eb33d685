"""The interface of a detector: fit on training features, score others; larger = more out-of-distribution."""

from typing import Protocol, Self

import numpy as np

from heat_core.features import Features


class Detector(Protocol):
    """`head` is the linear head (weight (C, D), bias (C,)) that reads `features.avg`."""

    def __init__(self, head: tuple[np.ndarray, np.ndarray]) -> None: ...

    def fit(self, train: Features) -> Self: ...

    def score(self, features: Features) -> np.ndarray:
        """(N,) float64, larger = more out-of-distribution."""
        ...


def logits_of(features: Features, head: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """(N, C) float64 logits of the linear head."""
    weight, bias = head
    return np.asarray(features.avg, dtype=np.float64) @ weight.T + bias
