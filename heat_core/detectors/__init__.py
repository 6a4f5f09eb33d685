"""The methods that HEAT is compared with: one file each, named as the method is on the command line and in tables.

Adding a detector is adding a file with one `Detector` in it. Listing them imports none of them.
(EL, GMM and GMM-std are HEAT's own priors.)
"""

import pkgutil
from importlib import import_module

from heat_core.detectors.base import Detector, logits_of
from heat_core.errors import HeatError

#: What every run computes: no training, no extra columns, nothing to wait for.
BASIC = ("msp", "maxlogit", "knn")


def names() -> list[str]:
    """Every detector's name, alphabetically."""
    return sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules(__path__) if m.name != "base")


def load(name: str) -> type[Detector]:
    """The class of a detector; HeatError names the others where there is none."""
    resolve([name])
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    (found,) = [
        c for c in vars(module).values()
        if isinstance(c, type) and issubclass(c, Detector) and c.__module__ == module.__name__
    ]  # fmt: skip
    return found


def resolve(chosen: list[str]) -> list[str]:
    """Names as a person gives them ("all" included), checked, each once."""
    known = names()
    if "all" in chosen:
        return known
    if unknown := [name for name in chosen if name not in known]:
        raise HeatError(f"There is no detector {unknown[0]!r}: choose among all, {', '.join(known)}.")
    return list(dict.fromkeys(chosen))


__all__ = ["BASIC", "Detector", "load", "logits_of", "names", "resolve"]
