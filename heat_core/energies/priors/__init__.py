"""Priors: fitted energies with a closed form and a gradient, which residuals correct (Sec. 3.2).

`heat_core.energies.names` has the table of priors. `register_prior` adds one from outside this package.
"""

import pkgutil
from collections.abc import Callable

from heat_core.energies.names import PRIORS, PriorSpec, prior_kind, registry, spec_of
from heat_core.energies.priors.base import Constants, Prior, PriorContext, evaluate, validate_features
from heat_core.energies.priors.checked import CheckedPrior
from heat_core.energies.priors.dice import DirectedSparsity
from heat_core.energies.priors.gmm import GaussianMixture
from heat_core.energies.priors.knn import SoftNeighbours
from heat_core.energies.priors.logits import EnergyLogits
from heat_core.energies.priors.resflow import ResidualFlow
from heat_core.energies.priors.scale import ScaledActivations
from heat_core.energies.priors.vim import VirtualLogit
from heat_core.errors import HeatError
from heat_core.plugins import blaming
from heat_core.types import FitHead, Head

_EVIDENCE, _COLUMNS = ("features", "logits", "both"), ("avg", "std")


def register_prior(name: str, spec: PriorSpec) -> Callable[[type[Prior]], type[Prior]]:
    """Return a class decorator that adds a prior of the caller to the table of priors, for this process.

    Examples:
        >>> from heat_core.energies.priors import Prior, PriorSpec, register_prior
        >>> @register_prior("my-prior", PriorSpec("My prior", evidence="features"))  # doctest: +SKIP
        ... class MyPrior(Prior):
        ...     scoring_dtypes = {"mean": np.float32}

    Args:
        name: lower-case letters, digits and hyphens, starting with a letter; not "all", and not beginning with "heat".
        spec: title, evidence, column and the other entries of the table.

    Raises:
        HeatError: when the name is invalid or taken, when an entry of the table is none that there is, or when the
            class lacks a method of `Prior`.
    """
    registry.check_name(name)
    choices = {"evidence": _EVIDENCE, "column": _COLUMNS, "trained_as": ("", *PRIORS)}
    for field, possible in choices.items():
        if (value := getattr(spec, field)) not in possible:
            raise HeatError(f"The {field} of the prior {name} is {value!r}: choose among {', '.join(possible)}.")
    if not spec.title or spec.implementation or spec.row:
        raise HeatError(f"The prior {name} needs a title, and neither implementation nor row.")

    def keep(kind: type[Prior]) -> type[Prior]:
        if not issubclass(kind, Prior):
            raise HeatError(f"{kind.__name__} is no Prior: derive it from heat_core.energies.priors.Prior.")
        if lacking := sorted(kind.__abstractmethods__):
            raise HeatError(f"{kind.__name__} has no {', '.join(lacking)}: write all methods of Prior.")
        registry.add(name, kind, spec)
        return kind

    return keep


def prior_class(prior: str) -> type[Prior]:
    """Return the class of a prior, for example of gmm or gmm@b.

    Raises:
        HeatError: when there is no prior of that name.
    """
    spec = spec_of(prior)
    kind: type[Prior] = (
        pkgutil.resolve_name(f"{__name__}.{spec.implementation}")
        if spec.implementation
        else registry.registered[prior_kind(prior)][0]
    )
    return kind


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
        name: name of the prior, with the suffix @b for a second encoder.
        head: linear head (weight (C, D), bias (C,)) that reads `avg`.
        fit_head: function that fits a head, see `PriorContext`; the further arguments are described there, too.
        covariance: covariance estimator of the mixtures.
        id_set: the ID set whose published values a prior uses.
        weights: class weights of the mixtures.

    Raises:
        HeatError: when there is no prior of that name.
    """
    kind = prior_class(name)
    with blaming(registry.origin(prior_kind(name))):
        return _checked(name, kind.for_run(PriorContext(head, fit_head, covariance, id_set, weights)))


def unpack_prior(name: str, constants: Constants) -> Prior:
    """Restore the prior of a guard from its constants, by its name.

    Raises:
        HeatError: when there is no prior of that name.
    """
    return _checked(name, prior_class(name).from_constants(constants))


def _checked(name: str, prior: Prior) -> Prior:
    origin = registry.origin(prior_kind(name))
    return CheckedPrior(prior, origin) if origin else prior


__all__ = [
    "Constants",
    "DirectedSparsity",
    "EnergyLogits",
    "GaussianMixture",
    "Prior",
    "PriorContext",
    "PriorSpec",
    "ResidualFlow",
    "ScaledActivations",
    "SoftNeighbours",
    "VirtualLogit",
    "evaluate",
    "make_prior",
    "prior_class",
    "register_prior",
    "unpack_prior",
    "validate_features",
]
