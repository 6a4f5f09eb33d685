"""Registries of detectors and of priors: what is built in, what was registered, and what plugins offer."""

import re
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from heat_core.errors import HeatError
from heat_core.plugins import discovery
from heat_core.plugins.discovery import PluginError

Value = TypeVar("Value")
_registries: list["Registry"] = []  # type: ignore[type-arg]  # of any values


class Registry(Generic[Value]):
    """Values by name, of which those outside this package are registered when their module is imported.

    Args:
        what: what the values are, for sentences, for example "detector".
        group: group of the entry points of plugins.
        built_in: function that lists the names of those in this package.
        reserved: further names that nothing can be registered under.

    Attributes:
        registered: name → class that was registered under it, and its value; of those outside this package.
    """

    def __init__(
        self, what: str, group: str, built_in: Callable[[], Iterable[str]], reserved: tuple[str, ...] = ()
    ) -> None:
        self.what, self.group, self.built_in, self.reserved = what, group, built_in, reserved
        self.registered: dict[str, tuple[type, Value]] = {}
        _registries.append(self)

    def names(self) -> list[str]:
        """List all names: built in, then registered or offered by a plugin. No entry point is imported."""
        discovery.import_listed()
        return [*self.built_in(), *sorted({*self._offered(), *self.registered})]

    def usable(self) -> list[str]:
        """List all names after importing every plugin, without those of plugins that fail, which give a warning."""
        return [name for name in self.names() if name in self.built_in() or self._is_usable(name)]

    def _is_usable(self, name: str) -> bool:
        try:
            return self.find(name) is not None
        except PluginError:
            return False

    def _offered(self) -> list[str]:
        """List the names that plugins offer; one that cannot be used as a name gives a warning."""
        names = []
        for name, point in discovery.offered(self.group).items():
            try:
                self.check_name(name)
                if name in (*self.built_in(), *self.reserved):
                    raise HeatError(f"There is already a {self.what} {name!r}: choose another name.")
                names.append(name)
            except HeatError as error:
                discovery.report((self.group, name), f"{discovery.label(point)} cannot be used: {error}")
        return names

    def find(self, name: str) -> tuple[type, Value] | None:
        """Return what is registered under a name, after importing the plugin that offers it; None where there is none.

        Raises:
            PluginError: where the plugin cannot be imported, or does not register the name.
        """
        discovery.import_listed()
        if name in self.registered or name not in self._offered():
            return self.registered.get(name)
        discovery.import_offered(self.group, name)
        if name not in self.registered:
            plugin = discovery.label(discovery.offered(self.group)[name])
            sentence = f"{plugin} offers a {self.what} {name!r}, and registers none of that name."
            raise PluginError(discovery.report((self.group, name), sentence))
        return self.registered[name]

    def check_name(self, name: str) -> None:
        """Refuse a name of another form, or one of the other registry.

        Raises:
            HeatError: naming the remedy.
        """
        if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or name.startswith("heat") or name == "all":
            raise HeatError(f"{name!r} is no name for a {self.what}: write lower-case letters, digits and hyphens.")
        for other in _registries:
            if other is not self and name in {*other.taken(), *discovery.offered(other.group)}:
                raise HeatError(f"{name!r} is the name of a {other.what}: choose another name.")

    def add(self, name: str, kind: type, value: Value) -> None:
        """Register a value; running a cell of a notebook again registers the same class anew.

        Raises:
            HeatError: where another class, or another plugin, has the name.
        """
        known = self.registered[name][0] if name in self.registered else None
        again = known is not None and (known.__module__, known.__qualname__) == (kind.__module__, kind.__qualname__)
        if not again and (name in self.taken() or self._is_offered_by_another(name, kind)):
            raise HeatError(f"There is already a {self.what} {name!r}: choose another name.")
        self.registered[name] = kind, value

    def taken(self) -> set[str]:
        """Return the names that are built in, reserved or registered."""
        return {*self.built_in(), *self.reserved, *self.registered}

    def _is_offered_by_another(self, name: str, kind: type) -> bool:
        point = discovery.offered(self.group).get(name)
        return point is not None and discovery.origin_of(kind.__module__) != discovery.origin_of(point.module)

    def origin(self, name: str) -> str:
        """Return name and version of the plugin that registered a name, or its module; "" for what is built in."""
        return discovery.origin_of(self.registered[name][0].__module__) if name in self.registered else ""

    def unknown(self, name: str, known: Iterable[str]) -> HeatError:
        """Make the error of a name that there is not, with the plugins that could not be imported."""
        sentence = f"There is no {self.what} {name!r}: choose among {', '.join(known)}."
        return HeatError(" ".join([sentence, *discovery.problems.values()]))
