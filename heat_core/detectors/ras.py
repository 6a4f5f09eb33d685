"""RAS (Guglielmo & Masana, 2026): the energy of features whose sorted activations are replaced by a fixed profile."""

from typing import Self

import numpy as np
from scipy.special import logsumexp

from heat_core.detectors.base import Detector
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.views import VIEWS
from heat_core.features.chunks import blocks, map_blocks
from heat_core.features.features import Features
from heat_core.features.heads import logits_of_rows


class RAS(Detector):
    """Score: -log Σ_c exp(w_c·s(z) + b_c), s(z)_d = m_k for the k-th smallest activation z_d.

    m_k is the mean over the training images of their k-th smallest activation, so that of z only the order of its
    dimensions remains (ranked activation shift). Equal activations are ranked by the number of their dimension. There
    is no hyper-parameter, and activations need not be rectified. The formula is that of the authors' code
    (github.com/gigug/RAS).

    Attributes:
        profile_: (D,) m, the mean sorted activations in ascending order.
    """

    title, source = "RAS", "Guglielmo & Masana, 2026, arXiv:2604.08572"
    place = 88
    evidence = "both"
    profile_ = FittedAttribute[np.ndarray]()

    def fit_features(self, train: Features) -> Self:
        """Compute the mean sorted activations."""
        rows = VIEWS["el"].rows(train)
        total = np.zeros(rows.shape[1])
        for _, block in blocks(rows):
            total += np.sort(block, axis=1).sum(axis=0, dtype=np.float64)
        self.profile_ = total / len(rows)
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return map_blocks(self._energy, VIEWS["el"].rows(features))

    def _energy(self, block: np.ndarray) -> np.ndarray:
        shifted = np.empty_like(block)
        ranks = np.argsort(block, axis=1, kind="stable")
        np.put_along_axis(shifted, ranks, self.profile_.astype(block.dtype)[None], axis=1)
        return -logsumexp(logits_of_rows(shifted, self.head_), axis=1)
