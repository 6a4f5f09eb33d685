"""CORE (Yang et al., 2026): the energy of the logits and the similarity of what the head does not read.

The part of a feature in the null space of the head is compared with its class mean by the cosine.
"""

from typing import Self

import numpy as np
import torch

from heat_core.detectors.base import Detector, require_every_class
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.moments import class_means
from heat_core.energies.views import VIEWS
from heat_core.errors import HeatError
from heat_core.features.chunks import as_tensor, compute_dtype, map_blocks
from heat_core.features.features import Features
from heat_core.features.heads import logits_of_rows

_SAME = 1e-9  # singular values of the head below this share of the largest count as 0
_NOTHING = 1e-5  # residuals shorter than this share of the feature are rounding of float32 products
_CONSTANT = 1e-9  # deviations below this share of the mean are rounding: the value is constant


class CORE(Detector):
    """Score: E(z) - cos(r, m_ŷ), both standardised by their mean and deviation over the training features.

    E(z) = -log Σ_c exp(w_c·z + b_c); r is the part of z in the null space of the head, orthogonal to every w_c, which
    no logit reads; m_c is the mean of r over the training features of class c, ŷ the predicted class. There is no
    hyper-parameter. If the head reads every direction, for instance with more classes than features, r is zero and
    `fit` raises a HeatError.
    """

    title, source = "CORE", "Yang et al., 2026, arXiv:2603.18290"
    place = 178
    evidence = "both"
    _read = FittedAttribute[np.ndarray]()
    _means = FittedAttribute[np.ndarray]()
    _scale = FittedAttribute[tuple[np.ndarray, np.ndarray]]()

    def fit_features(self, train: Features) -> Self:
        """Compute the class means of the residuals, and mean and deviation of both terms; HeatError if r is zero."""
        z, labels, classes = VIEWS["el"].rows(train), train.required_labels(self.title), len(self.head_[1])
        require_every_class(labels, classes, self.title)
        self._read = _directions(np.asarray(self.head_[0], dtype=np.float64)).astype(compute_dtype(z.dtype))
        self._means = class_means(z, labels, classes, self._residual)
        if not self._means.any():
            raise HeatError(
                f"The head of {classes:,} classes reads every direction of the {z.shape[1]:,} features: none is left "
                "for CORE's residual."
            )
        parts = map_blocks(self._parts, z)
        mean, std = parts.mean(axis=0), parts.std(axis=0)
        self._scale = mean, np.where(std > _CONSTANT * np.abs(mean), std, 1.0)  # a constant term is only shifted
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        mean, std = self._scale
        standardised = (map_blocks(self._parts, VIEWS["el"].rows(features)) - mean) / std
        return standardised[:, 0] - standardised[:, 1]

    def _parts(self, z: np.ndarray) -> np.ndarray:
        """Compute (n, D) → (n, 2) float64: E(z), and cos(r, m_ŷ), which is 0 if r or m_ŷ is zero."""
        logits = torch.from_numpy(logits_of_rows(z, self.head_))
        residual = torch.from_numpy(self._residual(z)).double()
        own = torch.from_numpy(self._means)[logits.argmax(dim=1)]
        like = torch.cosine_similarity(residual, own, dim=1, eps=1e-30)
        return torch.stack([-torch.logsumexp(logits, dim=1), like], dim=1).numpy()

    def _residual(self, z: np.ndarray) -> np.ndarray:
        """Project (n, D) features onto the null space of the head (r), with zeros where r is only rounding."""
        points, read = as_tensor(z), as_tensor(self._read)
        residual = points - (points @ read) @ read.T
        is_some = residual.norm(dim=1) > _NOTHING * points.norm(dim=1)
        return torch.where(is_some[:, None], residual, 0.0).numpy()


def _directions(weight: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis (D, rank) of the space that the rows of a (C, D) head span."""
    _, values, directions = np.linalg.svd(weight, full_matrices=False)
    return directions[values > _SAME * values.max(initial=0.0)].T
