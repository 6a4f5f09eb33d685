"""The packages of the wheel: `heat_core`, and the app, which is installed as `heat_explorer.app`.

Everything else is in `pyproject.toml`, which cannot give packages another name. Installed as `app`, the app would
take a name that other projects use, too.
"""

from setuptools import find_packages, setup

setup(
    packages=[
        *find_packages(include=["heat_core", "heat_core.*"]),
        *(f"heat_explorer.{name}" for name in find_packages(include=["app", "app.*"])),
    ],
    package_dir={"heat_explorer.app": "app"},
)
