"""The methods that HEAT is compared with: one file each, named as the method is on the command line and in tables.

Adding a detector is adding a file with one `Detector` in it, or, outside this package, `register`. Listing them imports
none of them. (EL, GMM and GMM-std are HEAT's own priors.)
"""

import pkgutil
import re
from collections.abc import Callable, Iterable
from importlib import import_module

from heat_core.detectors.base import EVIDENCE, Context, Detector, logits_of
from heat_core.energies.names import ALL_PRIORS
from heat_core.errors import HeatError

#: What every run computes: no training, no extra columns, nothing to wait for.
BASIC = ("msp", "maxlogit", "knn")
_registered: dict[str, type[Detector]] = {}


def register(name: str) -> Callable[[type[Detector]], type[Detector]]:
    """Make a detector of one's own known under a name, in this process: `@register("my-method")` before its class.

    Raises:
        HeatError: where the name is taken, or is not made of lower-case letters, digits and hyphens; where the class
            has no title, or an evidence that there is not.
    """
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or name.startswith("heat") or name == "all":
        raise HeatError(f"{name!r} is no name for a detector: write lower-case letters, digits and hyphens.")
    if name in (*ALL_PRIORS, "soft-knn"):
        raise HeatError(f"{name!r} is the row of a prior: choose another name.")

    def keep(kind: type[Detector]) -> type[Detector]:
        known = _registered.get(name)
        again = known is not None and (known.__module__, known.__qualname__) == (kind.__module__, kind.__qualname__)
        if name in names() and not again:  # a cell of a notebook that is run once more defines its class anew
            raise HeatError(f"There is already a detector {name!r}: choose another name.")
        if not getattr(kind, "title", ""):
            raise HeatError(f"{kind.__name__} has no title: say how the tables call it.")
        if kind.evidence not in ("", *EVIDENCE):
            raise HeatError(
                f"{kind.__name__} judges by {kind.evidence!r}: its evidence is one of {', '.join(EVIDENCE)}."
            )
        _registered[name] = kind
        return kind

    return keep


def names() -> list[str]:
    """Every detector's name, alphabetically."""
    built_in = {m.name.replace("_", "-") for m in pkgutil.iter_modules(__path__) if m.name != "base"}
    return sorted(built_in | set(_registered))


def load(name: str) -> type[Detector]:
    """The class of a detector; HeatError names the others where there is none."""
    resolve([name])
    if name in _registered:
        return _registered[name]
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    (found,) = (
        c
        for c in vars(module).values()
        if isinstance(c, type) and issubclass(c, Detector) and c.__module__ == module.__name__
    )
    return found


def in_table_order() -> dict[str, type[Detector]]:
    """Every detector by name, as the tables order them."""
    return dict(sorted(((name, load(name)) for name in names()), key=lambda item: item[1].place))


def resolve(chosen: Iterable[str]) -> list[str]:
    """Names as a person gives them ("all" included), checked, each once."""
    known, chosen = names(), list(chosen)
    if "all" in chosen:
        return known
    if unknown := [name for name in chosen if name not in known]:
        raise HeatError(f"There is no detector {unknown[0]!r}: choose among all, {', '.join(known)}.")
    return list(dict.fromkeys(chosen))


__all__ = ["BASIC", "Context", "Detector", "in_table_order", "load", "logits_of", "names", "register", "resolve"]
