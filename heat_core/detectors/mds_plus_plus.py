"""MDS++, also Mahalanobis++ (Mueller & Hein, 2025): the Mahalanobis distance of the L2-normalised features."""

from typing import ClassVar

from heat_core.detectors.mahalanobis import Mahalanobis
from heat_core.energies.views import VIEWS, View


class MDSPlusPlus(Mahalanobis):
    """Score: min_c (z - μ_c)ᵀ Σ⁻¹ (z - μ_c), z L2-normalised.

    The norms of features vary more than one Gaussian per class with a shared covariance can describe. The source uses
    the empirical covariance; "auto" shrinks it when there are few samples.
    """

    title, source = "MDS++", "Mueller & Hein, ICML 2025, arXiv:2505.18032"
    place = 122
    _view: ClassVar[View] = VIEWS["gmm"]
