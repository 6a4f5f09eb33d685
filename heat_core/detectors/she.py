"""SHE, the simplified Hopfield energy (Zhang et al., 2023): the inner product with the mean of the predicted class."""

from typing import Self

import numpy as np

from heat_core.detectors.base import Detector, require_every_class
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.moments import class_means
from heat_core.energies.views import VIEWS
from heat_core.features.chunks import map_blocks
from heat_core.features.features import Features
from heat_core.features.heads import logits_of_rows


class SHE(Detector):
    """Score: -z·S_ŷ, ŷ the predicted class.

    S_c is the mean of the training features of class c that are classified correctly, or of all training features of
    class c if none is. The source has no hyper-parameter.
    """

    title, source = "SHE", "Zhang et al., ICLR 2023 (OpenReview KkazG4lgKL)"
    place = 172
    evidence = "both"
    _patterns = FittedAttribute[np.ndarray]()

    def fit_features(self, train: Features) -> Self:
        """Compute S_c of every class; HeatError if a class has no training image."""
        z, labels, classes = VIEWS["el"].rows(train), train.required_labels(self.title), len(self.head_[1])
        require_every_class(labels, classes, self.title)
        right = map_blocks(self._predicted, z) == labels
        has_right = np.bincount(labels[right], minlength=classes) > 0
        stored = right | ~has_right[labels]
        self._patterns = class_means(z, np.where(stored, labels, classes), classes + 1)[:classes]
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return map_blocks(self._score_block, VIEWS["el"].rows(features))

    def _score_block(self, z: np.ndarray) -> np.ndarray:
        return -np.einsum("nd,nd->n", z, self._patterns[self._predicted(z)])

    def _predicted(self, z: np.ndarray) -> np.ndarray:
        return logits_of_rows(z, self.head_).argmax(axis=1)
