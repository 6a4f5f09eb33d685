"""Implementation of the verb `app`: HEAT Explorer in this process, until it is stopped."""

import argparse
import os
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import expand_home

_PACKAGE = "heat_explorer.app"  # the name under which `setup.py` installs the app
_LAST_PORT = 65535


def app(options: argparse.Namespace) -> None:
    """Start HEAT Explorer, and serve it until the process is interrupted.

    Raises:
        HeatError: if Streamlit or the app is not installed, or if port or HEAT_HOME cannot be used.
    """
    script = _find_script()
    if options.port is not None and not 1 <= options.port <= _LAST_PORT:
        raise HeatError(f"--port is {options.port}: ports are numbers from 1 to {_LAST_PORT}.")
    if options.home:
        os.environ["HEAT_HOME"] = str(_home_folder(options.home))
    port = [] if options.port is None else ["--server.port", str(options.port)]
    for_app = [] if options.no_browser else ["--", "--open-browser"]
    sys.argv = ["streamlit", "run", *port, *options.streamlit, str(script), *for_app]
    runpy.run_module("streamlit", run_name="__main__", alter_sys=True)


def _find_script() -> Path:
    """Return the script of the installed app."""
    if find_spec("streamlit") is None:
        raise HeatError('The app is not installed: pip install "heat-explorer[app]" adds what it needs.')
    package = find_spec("heat_explorer") and find_spec(_PACKAGE)
    if not package or not package.origin:
        raise HeatError("This installation holds no app: install heat-explorer again.")
    return Path(package.origin).with_name("main.py")


def _home_folder(home: str) -> Path:
    folder = expand_home(home).absolute()
    if folder.exists() and not folder.is_dir():
        raise HeatError(f"--home is {printable(folder)}, which is a file: name a folder.")
    return folder
