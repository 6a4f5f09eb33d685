"""Where the modules of version 0.1 went, so that scripts written for it still run, with a DeprecationWarning."""

import importlib
import importlib.abc
import importlib.util
import sys
import warnings
from importlib.machinery import ModuleSpec
from types import ModuleType

_ROOMS = {
    "features": ("backbones", "columns", "datasets", "demo", "extraction", "heads"),
    "energies": ("beta", "heat", "priors", "residual", "settings"),
    "runs": ("experiment", "jobs", "pipeline", "projection", "scoring", "sources"),
    "analysis": ("comparison", "explanation", "export", "figures", "notes", "report", "samples", "selections"),
}
_PLACES = {f"heat_core.{name}": f"heat_core.{room}.{name}" for room, names in _ROOMS.items() for name in names}
_PLACES |= {"heat_core.results": "heat_core.runs.run", "heat_core.embedding": "heat_core.runs.feature_map"}


class _Moved(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds a module of 0.1 under its old name: it is the new one."""

    def find_spec(self, fullname: str, *_: object) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if fullname in _PLACES else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        place = _PLACES[spec.name]
        warnings.warn(f"{spec.name} is now {place}", DeprecationWarning, stacklevel=2)
        return importlib.import_module(place)

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to execute: that was done under the new name, whose spec is put back."""
        module.__spec__ = importlib.util.spec_from_file_location(module.__name__, module.__file__)


def install() -> None:
    """Let `import` find the old names, after everything else was asked."""
    if not any(isinstance(finder, _Moved) for finder in sys.meta_path):
        sys.meta_path.append(_Moved())
