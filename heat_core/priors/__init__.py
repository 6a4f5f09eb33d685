"""Priors: energies with a closed form, which a residual corrects (Sec. 3.2)."""

from heat_core.priors.base import Prior, View
from heat_core.priors.dice import SPARSITY, SPARSITY_OF, DirectedSparsity
from heat_core.priors.gmm import GaussianMixture
from heat_core.priors.knn import SoftNeighbours
from heat_core.priors.logits import EnergyLogits
from heat_core.priors.vim import VirtualLogit

#: What each prior reads: GMM = avg, normalised; GMM-std = std, normalised; EL = avg, raw (Sec. 3.2); DICE (Tab. 10) and
#: ViM as EL; soft-KNN normalised as KNN.
VIEWS = {
    "gmm": View("avg", True),
    "gmm-std": View("std", True),
    "el": View("avg", False),
    "dice": View("avg", False),
    "knn": View("avg", True),
    "vim": View("avg", False),
}


def make_prior(name: str, head, fit_head=None, covariance: str = "auto", id_set: str = "") -> Prior:
    """A prior by its name, not yet fitted.

    head: (weight, bias) that reads `avg`; fit_head: see `EnergyLogits`; id_set: cifar10, cifar100, imagenet or "", for
    the values that a prior's source publishes for it.
    """
    if name in ("gmm", "gmm-std"):
        return GaussianMixture(covariance)
    if name == "knn":
        return SoftNeighbours()
    if name == "dice":
        return DirectedSparsity(*head, fit_head, SPARSITY_OF.get(id_set, SPARSITY))
    return {"el": EnergyLogits, "vim": VirtualLogit}[name](*head, fit_head)


__all__ = [
    "VIEWS", "DirectedSparsity", "EnergyLogits", "GaussianMixture", "Prior", "SoftNeighbours", "View", "VirtualLogit",
    "make_prior",
]  # fmt: skip
