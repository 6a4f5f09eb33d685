"""The wheel: what is in it, and that it works away from the repository."""

import ast
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAMES = {
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "pillow_heif": "pillow-heif",
    "yaml": "pyyaml",
}  # import → distribution, where they differ


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that the checkout stays as it is."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "heat_core", source / "heat_core", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", out, source]
    subprocess.run(command, check=True)
    (built,) = out.glob("*.whl")
    return built


def test_it_holds_the_library_and_its_data_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"heat_core", next(t for t in tops if t.endswith(".dist-info"))}
    assert {"heat_core/py.typed", "heat_core/data/demo/demo-resnet.safetensors"} <= set(names)
    modules = {str(p.relative_to(ROOT)) for p in (ROOT / "heat_core").rglob("*.py")}
    assert modules == {name for name in names if name.endswith(".py")}


@pytest.mark.slow
def test_the_demo_runs_from_it_without_the_repository(wheel, tmp_path):
    """The demo runs from the wheel in an environment without the repository."""
    venv.create(tmp_path / "env", with_pip=False)
    binaries = tmp_path / "env" / ("Scripts" if sys.platform == "win32" else "bin")
    places = sysconfig.get_paths(vars={"base": str(tmp_path / "env"), "platbase": str(tmp_path / "env")})
    target = ["--prefix", tmp_path / "env", "--no-deps", "--no-warn-script-location"]
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--ignore-installed", *target, wheel], check=True)
    # The dependencies are those of this environment; its own editable installation is not seen from there.
    dependencies = sysconfig.get_paths()["purelib"]
    (Path(places["purelib"]) / "dependencies.pth").write_text(dependencies, encoding="utf-8")
    home = {**os.environ, "HEAT_HOME": str(tmp_path / "home")}
    home.pop("PYTHONPATH", None)

    def ask(*command: object) -> str:
        words = list(map(str, command))
        return subprocess.run(words, check=True, capture_output=True, text=True, cwd=tmp_path, env=home).stdout

    where = ask(binaries / "python", "-c", "import heat_core; print(heat_core.__file__, heat_core.__version__)")
    assert str(tmp_path) in where
    assert ask(binaries / "heat", "--version").strip() == f"heat_core {where.split()[-1]}"
    metrics = json.loads(ask(binaries / "python", "-m", "heat_core", "demo", "--json").splitlines()[-1])["metrics"]
    assert metrics["heat"]["average"]["auroc"] > 0.9


OPTIONAL = ("plotly", "umap", "pillow_heif", "pyarrow", "ray", "onnx", "onnxscript", "transformers")


def test_everything_that_is_imported_is_declared():
    """Unconditional imports by the dependencies, the others by an extra."""
    declared = {d.split(">")[0] for d in PROJECT["dependencies"]}
    extras = {d.split(">")[0].split("[")[0] for part in PROJECT["optional-dependencies"].values() for d in part}
    for path in (ROOT / "heat_core").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for top in {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"heat_core"}:
                name = NAMES.get(top, top)
                allowed = declared | extras if top in OPTIONAL else declared
                assert name in allowed, f"{path} imports {top}"


def test_the_requirements_name_what_the_project_declares():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    listed = {line for line in lines if line and not line.startswith(("#", "-"))}
    wanted = (part for extra, part in PROJECT["optional-dependencies"].items() if extra not in ("heif", "onnx", "hf"))
    extras = {d for part in wanted for d in part if "[" not in d}
    assert listed == {*PROJECT["dependencies"], *extras}
