"""MaxLogit (Hendrycks et al., 2022): the largest logit, without the softmax."""

from typing import Self

import numpy as np

from heat_core.detectors.base import logits_of
from heat_core.features import Features


class MaxLogit:
    """Score: -max_c logit_c."""

    def __init__(self, head: tuple[np.ndarray, np.ndarray]) -> None:
        self.head = head

    def fit(self, train: Features) -> Self:
        return self

    def score(self, features: Features) -> np.ndarray:
        return -logits_of(features, self.head).max(axis=1)
