"""Priors: energies with a closed form, which a residual corrects (Sec. 3.2)."""

from heat_core.priors.base import Prior, View
from heat_core.priors.gmm import GaussianMixture
from heat_core.priors.logits import EnergyLogits

#: What each prior of the paper reads (DESIGN: GMM = avg, normalised; GMM-std = std, normalised; EL = avg, raw).
VIEWS = {"gmm": View("avg", True), "gmm-std": View("std", True), "el": View("avg", False)}

__all__ = ["VIEWS", "EnergyLogits", "GaussianMixture", "Prior", "View"]
