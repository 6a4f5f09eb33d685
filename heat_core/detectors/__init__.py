"""The detectors that HEAT is compared with, one module each, named as on the command line with _ in place of -.

Their classes are imported when they are asked for: `from heat_core.detectors import KNN`.

To add a detector, add a module with one `Detector` class to this package, or use `register` outside it. Listing the
names imports none of the modules. EL, GMM and GMM-std are not here: they are HEAT's own priors.
"""

import pkgutil
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from heat_core import plugins
from heat_core.errors import HeatError

if TYPE_CHECKING:  # scikit-learn, which takes long to import, is not needed to list the names
    from heat_core.detectors.base import Context, Detector, logits_of

#: The detectors that every run computes: they are fast, train nothing and need no extra columns.
BASIC = ("msp", "maxlogit", "knn")
_OF_BASE = ("Context", "Detector", "logits_of")  # what the package has of its module `base`


def _built_in() -> list[str]:
    modules = [m.name for m in pkgutil.iter_modules(__path__) if m.name != "base" and not m.name.startswith("_")]
    return [module.replace("_", "-") for module in modules]


#: The detectors that are registered from outside this package.
registry: "plugins.Registry[type[Detector]]" = plugins.Registry("detector", plugins.DETECTORS, _built_in)


def register(name: str) -> "Callable[[type[Detector]], type[Detector]]":
    """Return a class decorator that adds a detector of the caller under a name, for this process.

    Examples:
        >>> @register("my-method")
        ... class MyMethod(Detector):
        ...     title = "My method"

    Args:
        name: lower-case letters, digits and hyphens, starting with a letter; not "all", and not beginning with "heat".

    Raises:
        HeatError: when the name is invalid or taken, when the class has no title, or when its evidence is not one of
            `EVIDENCE` or "".
    """
    from heat_core.detectors.base import EVIDENCE

    registry.check_name(name)

    def keep(kind: "type[Detector]") -> "type[Detector]":
        if not getattr(kind, "title", ""):
            raise HeatError(f"{kind.__name__} has no title: set the name that the tables show.")
        if kind.evidence not in ("", *EVIDENCE):
            raise HeatError(
                f"{kind.__name__} judges by {kind.evidence!r}: its evidence is one of {', '.join(EVIDENCE)}."
            )
        if lacking := sorted(kind.__abstractmethods__):
            raise HeatError(
                f"{kind.__name__} has no {', '.join(lacking)}: what a detector learns is fit_features(train), and its "
                "scores are score_features(features)."
            )
        registry.add(name, kind, kind)
        return kind

    return keep


def names() -> list[str]:
    """List the names of all detectors, built in, registered and offered by plugins, alphabetically."""
    return sorted(registry.names())


def load(name: str) -> "type[Detector]":
    """Import and return the class of a detector.

    Raises:
        HeatError: when there is none of that name, listing the known ones, when its module does not have one class, or
            when its plugin cannot be imported.
    """
    from heat_core.detectors.base import Detector

    resolve([name])
    if name not in _built_in() and (found := registry.find(name)):
        return found[1]
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    own = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    kinds = [c for c in own if issubclass(c, Detector)]
    if len(kinds) != 1:
        raise HeatError(
            f"{module.__file__} has {len(kinds)} detectors: write one a file; the name of a file of helpers begins "
            "with _."
        )
    return kinds[0]


def __getattr__(name: str) -> Any:
    """Import a detector of this package by the name of its class, as in `from heat_core.detectors import KNN`."""
    if name in _OF_BASE:
        return getattr(import_module(f"{__name__}.base"), name)
    for built_in in _built_in():
        if built_in.replace("-", "") == name.lower() and (kind := load(built_in)).__name__ == name:
            return kind
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def in_table_order() -> "dict[str, type[Detector]]":
    """Map the name of every detector to its class, in the order of the tables (`Detector.place`).

    A plugin that cannot be imported gives a warning, and its detectors are left out.
    """
    return dict(sorted(((name, load(name)) for name in sorted(registry.usable())), key=lambda item: item[1].place))


def resolve(chosen: Iterable[str]) -> list[str]:
    """Check names as a user gives them, expand "all", and drop repetitions; HeatError for an unknown name."""
    known, chosen = names(), list(chosen)
    if "all" in chosen:
        return known
    if unknown := [name for name in chosen if name not in known]:
        raise registry.unknown(unknown[0], ["all", *known])
    return list(dict.fromkeys(chosen))


__all__ = ["BASIC", "Context", "Detector", "in_table_order", "load", "logits_of", "names", "register", "resolve"]
