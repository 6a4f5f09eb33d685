"""MDS++, or Mahalanobis++ (Mueller & Hein, 2025): the Mahalanobis distance of the L2-normalised features."""

from typing import ClassVar

from heat_core.detectors.mahalanobis import Mahalanobis
from heat_core.energies.views import VIEWS, View


class NormalisedMahalanobis(Mahalanobis):
    """Score: min_c (z - μ_c)ᵀ Σ⁻¹ (z - μ_c), z L2-normalised.

    Norms of features vary more than a Gaussian a class with one covariance has room for. The source takes the empirical
    covariance; "auto" shrinks it where samples are few.
    """

    title, source = "MDS++", "Mueller & Hein, ICML 2025, arXiv:2505.18032"
    place = 122
    _view: ClassVar[View] = VIEWS["gmm"]
