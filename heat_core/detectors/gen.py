"""GEN (Liu et al., 2023): a generalised entropy of the softmax that is sensitive to small probabilities."""

import numpy as np
import torch

from heat_core.detectors.base import Detector, log_softmax
from heat_core.energies.views import VIEWS
from heat_core.errors import HeatError
from heat_core.features.chunks import map_blocks
from heat_core.features.features import Features
from heat_core.features.heads import logits_of_rows


class GEN(Detector):
    """Score: Σ_{j ≤ M} p_jᵞ (1 - p_j)ᵞ over the M largest probabilities, γ = 0.1 and M = 100 as in the source.

    It is computed in logarithms, and 1 - p of the largest probability as the sum of the others, so that nearly certain
    predictions lose no digits.

    Args:
        gamma: γ > 0.
        largest: M, at least 1; all probabilities are used if there are fewer.
    """

    title, source = "GEN", "Liu et al., CVPR 2023 (CVF)"
    place = 40
    evidence = "logits"

    def __init__(self, gamma: float = 0.1, largest: int = 100) -> None:
        if not gamma > 0 or largest < 1:
            raise HeatError(f"GEN needs γ above 0 and at least one probability, not {gamma} and {largest}.")
        self.gamma, self.largest = gamma, largest

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return map_blocks(self._score_block, VIEWS["el"].rows(features))

    def _score_block(self, z: np.ndarray) -> np.ndarray:
        log_p = torch.from_numpy(log_softmax(logits_of_rows(z, self.head_)))
        top = log_p.topk(min(self.largest, log_p.shape[1]), dim=1)
        rest = torch.log1p(-top.values.exp())
        rest[:, 0] = log_p.scatter_(1, top.indices[:, :1], -torch.inf).logsumexp(dim=1)
        return torch.exp(self.gamma * (top.values + rest)).sum(dim=1).numpy()
