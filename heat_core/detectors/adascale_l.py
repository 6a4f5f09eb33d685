"""AdaSCALE-L (Regmi, 2025): the energy of scaled logits, scaled less where a small change shifts activations more."""

import numpy as np

from heat_core.detectors.adascale_a import AdaSCALEA


class AdaSCALEL(AdaSCALEA):
    """Score: -log Σ_c exp(r² (w_c·z + b_c)), with the r of AdaSCALE-A."""

    title = "AdaSCALE-L"
    place = 204

    def _scale(self, raw: np.ndarray, bias: np.ndarray, ratio: np.ndarray) -> np.ndarray:
        """Compute the (N, C) scaled logits from those without bias and from r (N,)."""
        return (raw + bias) * np.where(ratio > 0, ratio, 1.0)[:, None] ** 2
