"""ReAct (Sun et al., 2021): the energy of the logits of features whose large activations are clipped."""

from typing import Self

import numpy as np
from scipy.special import logsumexp

from heat_core.detectors.base import Detector
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.errors import HeatError
from heat_core.features.chunks import blocks
from heat_core.features.features import Features
from heat_core.features.heads import logits_of_rows
from heat_core.features.quantile import percentile


class ReAct(Detector):
    """Score: -log Σ_c exp(w_c·min(z, t) + b_c), t = the p-th percentile of all training activations.

    Args:
        percentile: p in [0, 100].

    Attributes:
        threshold_: t, at which activations are clipped.
    """

    title, source = "ReAct", "Sun et al., NeurIPS 2021, arXiv:2111.12797"
    place = 80
    evidence = "both"
    rectified = True
    threshold_ = FittedAttribute[float]()

    def __init__(self, percentile: float = 90.0) -> None:
        if not 0 <= percentile <= 100:
            raise HeatError(f"The clip percentile of ReAct is {percentile}: it must lie between 0 and 100.")
        self.percentile = percentile

    def fit_features(self, train: Features) -> Self:
        """Compute t."""
        self.threshold_ = percentile(train.avg, self.percentile)
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        clipped = (np.minimum(block, self.threshold_) for _, block in blocks(features.avg))
        return np.concatenate([-logsumexp(logits_of_rows(block, self.head_), axis=1) for block in clipped])
