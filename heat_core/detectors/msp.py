"""MSP, the maximum softmax probability (Hendrycks & Gimpel, 2017)."""

from typing import Self

import numpy as np
from scipy.special import logsumexp

from heat_core.detectors.base import logits_of
from heat_core.features import Features


class MaxSoftmax:
    """Score: -max_c log p(c|z). The logarithm changes no ranking and keeps sure predictions apart."""

    def __init__(self, head: tuple[np.ndarray, np.ndarray]) -> None:
        self.head = head

    def fit(self, train: Features) -> Self:
        return self

    def score(self, features: Features) -> np.ndarray:
        logits = logits_of(features, self.head)
        return logsumexp(logits, axis=1) - logits.max(axis=1)
