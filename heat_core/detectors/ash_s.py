"""ASH-S (Djurisic et al., 2023): the energy of the logits after activation shaping.

Activations below a percentile are set to 0, and the others are scaled by eʳ, where r is the ratio of the sum of all
activations to the sum of those that remain.
"""

from typing import ClassVar

import numpy as np
import torch

from heat_core.detectors.base import Detector
from heat_core.energies.priors.scale import measure_peaks, require_percentile
from heat_core.energies.views import VIEWS
from heat_core.features.chunks import as_tensor, map_blocks
from heat_core.features.features import Features
from heat_core.features.heads import logits_of_rows


class ASHS(Detector):
    """Score: -log Σ_c exp(eʳ Σ_{d ∈ top} w_cd z_d + b_c), r = Σ_d z_d / Σ_{d ∈ top} z_d.

    "top" are the activations of z above the p-th percentile of z itself. p = 90 for ImageNet and 95 for CIFAR are the
    values of the authors' configurations (github.com/andrijazz/ash).

    Args:
        percentile: p in [0, 100).
    """

    title, source = "ASH-S", "Djurisic et al., ICLR 2023, arXiv:2209.09858"
    place = 84
    evidence = "both"
    rectified = True
    published: ClassVar = {"cifar10": {"percentile": 95.0}, "cifar100": {"percentile": 95.0}}

    def __init__(self, percentile: float = 90.0) -> None:
        require_percentile(percentile, "ASH-S")
        self.percentile = percentile

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return map_blocks(self._energy, VIEWS["el"].rows(features))

    def _energy(self, block: np.ndarray) -> np.ndarray:
        z = as_tensor(block)
        peaks = measure_peaks(z, self.percentile, torch.float64)
        shaped = torch.zeros_like(z).scatter_(1, peaks.largest, z.gather(1, peaks.largest))
        weight, bias = self.head_
        raw = torch.from_numpy(logits_of_rows(shaped.numpy(), (weight, np.zeros(len(bias)))))
        logits = raw * torch.exp(peaks.ratio)[:, None] + torch.from_numpy(np.asarray(bias, dtype=np.float64))
        return -torch.logsumexp(logits, dim=1).numpy()
