"""Plugins: modules outside this package that register detectors or priors when they are imported.

A plugin is an entry point of an installed package (groups `DETECTORS` and `PRIORS`, under the name that it registers),
or a module that the environment variable HEAT_PLUGINS lists. `discovery` finds and imports them, `registry` keeps what
is registered, and `faults` says whose fault an error is. docs/plugins.md describes how to write one.
"""

from heat_core.plugins.discovery import DETECTORS, PRIORS, PluginError, problems
from heat_core.plugins.faults import blaming, checked_array
from heat_core.plugins.registry import Registry

__all__ = ["DETECTORS", "PRIORS", "PluginError", "Registry", "blaming", "checked_array", "problems"]
