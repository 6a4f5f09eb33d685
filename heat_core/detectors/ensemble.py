"""Deep ensemble (Lakshminarayanan et al., 2017) of linear heads on one backbone (App. B.2, Tab. 12)."""

import time
from typing import Self

import numpy as np
from scipy.special import softmax

from heat_core.detectors.base import Context, Detector, Head, ReportProgress
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.features.heads import fit_head
from heat_core.progress import no_progress


class Ensemble(Detector):
    """Score: -max_c of the mean softmax of five heads, each fitted on its own bootstrap sample of the features.

    The source trains five networks. Here the heads share one backbone, because the classifier is frozen.

    Args:
        members: number of heads.
        seed: seed of the bootstrap samples.
        on_progress: callback that receives a text and the remaining seconds after each head.

    Attributes:
        heads_: fitted heads (weight (C, D), bias (C,)).
    """

    title, source = "Ensemble", "Lakshminarayanan et al., NeurIPS 2017, arXiv:1612.01474"
    place = 300
    evidence = "logits"
    slow = True  # It trains the heads.
    heads_ = FittedAttribute[list[Head]]()

    def __init__(self, members: int = 5, seed: int = 0, on_progress: ReportProgress = no_progress) -> None:
        if members < 1:
            raise HeatError(f"An ensemble needs at least one member, not {members}.")
        self.members, self.seed, self.on_progress = members, seed, on_progress

    @classmethod
    def for_run(cls, context: Context) -> Self:
        """Make the detector with the run's progress callback."""
        return cls(on_progress=context.on_progress)

    def fit_features(self, train: Features) -> Self:
        """Fit each head on its own bootstrap sample of the training features."""
        rng = np.random.default_rng(self.seed)
        avg, labels = np.asarray(train.avg, dtype=np.float64), train.required_labels(self.title)
        first = np.unique(labels, return_index=True)[1]  # one sample of each class, so that every head has all of them
        heads, began = [], time.monotonic()
        for done in range(1, self.members + 1):
            rows = np.r_[first, rng.integers(len(avg), size=len(avg) - len(first))]
            heads.append(fit_head(avg[rows], labels[rows]))
            left = (time.monotonic() - began) / done * (self.members - done)
            self.on_progress(f"head {done} of {self.members}", left)
        self.heads_ = heads
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        avg = np.asarray(features.avg, dtype=np.float64)
        return -np.mean([softmax(avg @ w.T + b, axis=1) for w, b in self.heads_], axis=0).max(axis=1)
