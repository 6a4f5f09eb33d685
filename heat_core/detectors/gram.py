"""Gram (Sastry & Oore, 2020): how far an image's channel correlations lie outside the range of its predicted class.

The correlations are the row sums of Gram matrices of several layers, as the feature column `gram` holds them.
"""

from collections.abc import Sequence
from typing import Self

import numpy as np

from heat_core.backbones.registry import Backbone
from heat_core.detectors.base import Context, Detector, logits_of
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.features.columns import GRAM, GRAM_POWERS, Column, require_maps
from heat_core.features.features import Features

_HELD_OUT_EVERY = 10  # as in the source, a tenth of the images is held out to scale the layers
_BLOCK = 2048  # rows of the column `gram` at a time


class Gram(Detector):
    """Score: Σ_l δ_l(x) / E[δ_l], δ_l being the deviation of layer l.

    δ_l is the sum of how far the Gram row sums of layer l lie below the minimum or above the maximum that the training
    images of the predicted class have, each relative to that minimum or maximum. E[δ_l] is the mean over a held-out
    tenth of the training images.

    Args:
        widths: number of channels C_l of each layer; the layers lie one after the other in the column `gram`, each with
            all powers.
    """

    title, source = "Gram", "Sastry & Oore, ICML 2020, arXiv:1912.12510"
    place = 220
    evidence = "both"
    reads_images = True
    slow = True  # It needs an extra column of all sets.
    _low = FittedAttribute[np.ndarray]()
    _high = FittedAttribute[np.ndarray]()
    _expected = FittedAttribute[np.ndarray]()

    def __init__(self, widths: Sequence[int]) -> None:
        self.widths = widths

    @classmethod
    def for_run(cls, context: Context) -> Self:
        """Make the detector with the widths of the run's backbone; HeatError when the run has only features."""
        return cls(context.network(cls.title).map_widths)

    @classmethod
    def train_columns(cls, backbone: Backbone | None) -> tuple[Column, ...]:
        """Return the column `gram`; HeatError if the backbone has no feature maps."""
        require_maps(backbone, cls.title)
        return (GRAM,)

    def fit_features(self, train: Features) -> Self:
        """Compute the minimum and maximum of each class, and E[δ_l] on the held-out tenth of each class."""
        statistics, labels = train.column("gram"), train.required_labels(self.title)
        held_out = _every_nth(labels, _HELD_OUT_EVERY)
        classes = range(len(self.head_[0]))
        self._low = np.full((len(classes), statistics.shape[1]), -np.inf)
        self._high = np.full((len(classes), statistics.shape[1]), np.inf)
        for c in classes:
            rows = statistics[(labels == c) & ~held_out]
            if len(rows):
                self._low[c], self._high[c] = rows.min(axis=0), rows.max(axis=0)
        self._expected = np.ones(len(self.widths))
        if held_out.any():
            mean = self._deviations(statistics[held_out], labels[held_out]).mean(axis=0)
            self._expected = np.where(mean > 0, mean, 1)
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        predicted = logits_of(features, self.head_).argmax(axis=1)
        return (self._deviations(features.column("gram"), predicted) / self._expected).sum(axis=1)

    def _deviations(self, statistics: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Compute δ_l of each image and layer, (N, L), block by block, because the rows of `gram` are wide."""
        starts = np.cumsum([0, *(len(GRAM_POWERS) * w for w in self.widths[:-1])])
        blocks = []
        for i in range(0, len(statistics), _BLOCK):
            values = np.asarray(statistics[i : i + _BLOCK], dtype=np.float64)
            low, high = self._low[classes[i : i + _BLOCK]], self._high[classes[i : i + _BLOCK]]
            below = np.maximum(low - values, 0) / np.abs(low + 1e-6)
            above = np.maximum(values - high, 0) / np.abs(high + 1e-6)
            blocks.append(np.add.reduceat(below + above, starts, axis=1))
        return np.concatenate(blocks)


def _every_nth(labels: np.ndarray, n: int) -> np.ndarray:
    """Mark every n-th sample of each class, (N,) bool."""
    chosen = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        chosen[np.flatnonzero(labels == label)[n - 1 :: n]] = True
    return chosen
