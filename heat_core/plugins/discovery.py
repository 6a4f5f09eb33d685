"""Find and import plugins; one that cannot be imported gives a warning, and changes nothing else."""

import logging
import os
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from heat_core.errors import HeatError
from heat_core.names import printable

DETECTORS, PRIORS = "heat_core.detectors", "heat_core.priors"  # groups of entry points
VARIABLE = "HEAT_PLUGINS"  # environment variable: modules to import, separated by commas
#: Entry point (group, name) or module → sentence why it cannot be used.
problems: dict[tuple[str, str] | str, str] = {}
tried: set[str] = set()  # modules of HEAT_PLUGINS whose import has begun


class PluginError(HeatError):
    """Error of a plugin. Its message is one sentence that names the plugin."""


@cache
def offered(group: str) -> dict[str, EntryPoint]:
    """Map the names that installed packages offer in a group to their entry points; nothing is imported."""
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        first = found.setdefault(point.name, point)
        if first.value != point.value:
            both = f"{label(first)} and {label(point)}"
            report((group, point.name), f"{both} offer the same name {point.name!r}: uninstall one of them.")
    return found


def import_offered(group: str, name: str) -> None:
    """Import the plugin that offers a name.

    Raises:
        PluginError: where it cannot be imported.
    """
    if known := problems.get((group, name)):
        raise PluginError(known)
    point = offered(group)[name]
    try:
        point.load()
    except (Exception, SystemExit) as error:
        raise PluginError(report((group, name), _cannot_import(label(point), error))) from error


def import_listed() -> None:
    """Import the modules of HEAT_PLUGINS, each once."""
    for module in filter(None, (part.strip() for part in os.environ.get(VARIABLE, "").split(","))):
        if module in tried:
            continue
        tried.add(module)
        try:
            import_module(module)
        except (Exception, SystemExit) as error:
            report(module, _cannot_import(f"The module {module} of {VARIABLE}", error))


def report(plugin: tuple[str, str] | str, sentence: str) -> str:
    """Keep why a plugin cannot be used, warn about it once, and return the sentence."""
    sentence = printable(" ".join(sentence.split()))
    if problems.get(plugin) != sentence:
        problems[plugin] = sentence
        logging.getLogger(__name__).warning(sentence)
    return sentence


def origin_of(module: str) -> str:
    """Return from which plugin a module is: name and version of its distribution, or "the module" and its name.

    The distribution is the one that has an entry point in the module's package.
    """
    points = [point for group in (DETECTORS, PRIORS) for point in offered(group).values() if point.dist is not None]
    package = module.partition(".")[0]
    found = [p for p in points if p.module == module] or [p for p in points if p.module.partition(".")[0] == package]
    dist = found[0].dist if found else None
    return printable(f"{dist.name} {dist.version}" if dist else f"the module {module}")


def label(point: EntryPoint) -> str:
    """Name the plugin of an entry point, as the subject of a sentence."""
    dist = point.dist
    return printable(f"The plugin {dist.name} {dist.version}" if dist else f"The plugin {point.value}")


def _cannot_import(plugin: str, error: BaseException) -> str:
    return f"{plugin} cannot be imported ({type(error).__name__}: {error})."
