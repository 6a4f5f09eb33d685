"""Priors: fitted energies with a closed form and a gradient, which residuals correct (Sec. 3.2)."""

from heat_core.energies.names import ALL_PRIORS, SECOND_PRIORS, prior_kind
from heat_core.energies.priors.base import Prior, prior_from_constants, scoring_constants
from heat_core.energies.priors.dice import SPARSITY, SPARSITY_OF, DirectedSparsity
from heat_core.energies.priors.gmm import GaussianMixture
from heat_core.energies.priors.knn import SoftNeighbours
from heat_core.energies.priors.logits import EnergyLogits
from heat_core.energies.priors.scale import ScaledActivations
from heat_core.energies.priors.vim import VirtualLogit
from heat_core.errors import HeatError
from heat_core.types import FitHead, Head

#: Name → class of the prior, with which `prior_from_constants` restores a packed one.
PRIOR_CLASSES: dict[str, type[Prior]] = {
    "gmm": GaussianMixture,
    "gmm-std": GaussianMixture,
    "el": EnergyLogits,
    "dice": DirectedSparsity,
    "knn": SoftNeighbours,
    "vim": VirtualLogit,
    "scale": ScaledActivations,
}
PRIOR_CLASSES |= {name: PRIOR_CLASSES[prior_kind(name)] for name in SECOND_PRIORS}


def make_prior(
    name: str,
    head: Head,
    fit_head: FitHead | None = None,
    covariance: str = "auto",
    id_set: str = "",
    weights: str = "uniform",
) -> Prior:
    """Make a prior by its name; it is not fitted yet.

    Args:
        name: gmm, gmm-std, el, dice, knn, vim or scale; gmm, gmm-std and knn also with the suffix @b.
        head: linear head (weight (C, D), bias (C,)) that reads `avg`.
        fit_head: function that fits a head, see `EnergyLogits`.
        covariance: covariance estimator of the mixtures, see `GaussianMixture`.
        id_set: cifar10, cifar100, imagenet or "", the ID set whose published values a prior uses.
        weights: class weights of the mixtures, see `GaussianMixture`.

    Raises:
        HeatError: when there is no prior of that name.
    """
    name = prior_kind(name)
    if name in ("gmm", "gmm-std"):
        return GaussianMixture(covariance, weights)
    if name == "knn":
        return SoftNeighbours()
    if name == "dice":
        return DirectedSparsity(*head, fit_head, SPARSITY_OF.get(id_set, SPARSITY))
    if name == "vim":
        return VirtualLogit(*head, fit_head)
    if name == "scale":
        return ScaledActivations(*head, fit_head)
    if name == "el":
        return EnergyLogits(*head, fit_head)
    raise HeatError(f"There is no prior {name!r}: choose among {', '.join(ALL_PRIORS)}.")


__all__ = [
    "PRIOR_CLASSES",
    "DirectedSparsity",
    "EnergyLogits",
    "GaussianMixture",
    "Prior",
    "ScaledActivations",
    "SoftNeighbours",
    "VirtualLogit",
    "make_prior",
    "prior_from_constants",
    "scoring_constants",
]
