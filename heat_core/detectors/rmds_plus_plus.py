"""RMDS++ (Mueller & Hein, 2025): the relative Mahalanobis distance of the L2-normalised features."""

from typing import ClassVar

from heat_core.detectors.rmds import RMDS
from heat_core.energies.views import VIEWS, View


class RMDSPlusPlus(RMDS):
    """Score: min_c (z - μ_c)ᵀ Σ⁻¹ (z - μ_c) - (z - μ₀)ᵀ Σ₀⁻¹ (z - μ₀), z L2-normalised."""

    title, source = "RMDS++", "Mueller & Hein, ICML 2025, arXiv:2505.18032"
    place = 126
    _view: ClassVar[View] = VIEWS["gmm"]
