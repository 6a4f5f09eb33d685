"""A plugin package, installed with pip into a folder of its own, and registries that no other test sees."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heat_core import detectors
from heat_core.energies import names
from heat_core.plugins import discovery
from tests.conftest import make_once

PACKAGE = Path(__file__).resolve().parents[2] / "plugin_package"


@pytest.fixture(scope="session")
def installed(tmp_path_factory) -> Path:
    """A folder for PYTHONPATH in which the package of `tests/plugin_package` is installed."""

    def install(folder: Path) -> None:
        source = shutil.copytree(PACKAGE, folder / "source")  # the build leaves files beside it
        options = ["--no-deps", "--no-build-isolation", "--target", folder / "site"]
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", *options, source], check=True)

    return make_once(tmp_path_factory, "plugin", install) / "site"


@pytest.fixture(autouse=True)
def registries(monkeypatch) -> Iterator[None]:
    """Empty registries, which look for plugins again."""
    monkeypatch.setattr(detectors.registry, "registered", {})
    monkeypatch.setattr(names.registry, "registered", {})
    forget_plugins()
    yield
    forget_plugins()


def forget_plugins() -> None:
    discovery.offered.cache_clear()
    discovery.problems.clear()
    discovery.tried.clear()
    for module in [name for name in sys.modules if name.startswith("heat_diagonal")]:
        del sys.modules[module]


@pytest.fixture
def plugin(installed, monkeypatch) -> None:
    """The package is installed for this process and its children."""
    monkeypatch.syspath_prepend(str(installed))
    monkeypatch.setenv("PYTHONPATH", str(installed))


@pytest.fixture
def uninstall(plugin, installed, monkeypatch) -> Callable[[], None]:
    """A function after whose call the package is not installed."""

    def remove() -> None:
        monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(installed)])
        for registry in (detectors.registry, names.registry):
            registry.registered.clear()
        forget_plugins()

    return remove


def write_distribution(folder: Path, name: str, version: str, entry_points: str) -> None:
    """An installed distribution that has entry points alone."""
    info = folder / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(entry_points)


def heat(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "heat_core", *arguments]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
