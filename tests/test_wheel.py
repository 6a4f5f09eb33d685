"""The wheel: what is in it, and that it works away from the repository."""

import ast
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import urllib.error
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.app.open_workbench import LIVE, open_page
from tests.browser import CHROMIUM, chromium, free_port

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAMES = {
    "PIL": "pillow",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "pillow_heif": "pillow-heif",
    "yaml": "pyyaml",
    "pytorch_ood": "pytorch-ood",
}  # import → distribution, where they differ


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that the checkout stays as it is."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("heat_core", "app"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", out, source]
    subprocess.run(command, check=True)
    (built,) = out.glob("*.whl")
    return built


def test_it_holds_both_packages_and_nothing_else(wheel):
    """It holds the library, the app below `heat_explorer`, and every file that they read."""
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names}
    assert tops == {"heat_core", "heat_explorer", next(t for t in tops if t.endswith(".dist-info"))}
    assert {"heat_core/py.typed", "heat_core/data/demo/demo-resnet.safetensors"} <= names
    modules = {p.relative_to(ROOT).as_posix() for p in (ROOT / "heat_core").rglob("*.py")}
    files_of_app = [p for p in (ROOT / "app").rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    of_app = {f"heat_explorer/{p.relative_to(ROOT).as_posix()}" for p in files_of_app}
    assert of_app == {name for name in names if name.startswith("heat_explorer/")}
    assert modules == {name for name in names if name.endswith(".py")} - of_app


class Installed:
    """The wheel in an environment of its own, and a HEAT_HOME; the clone cannot be imported there."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.binaries = folder / "env" / ("Scripts" if sys.platform == "win32" else "bin")
        venv.create(folder / "env", with_pip=False)
        pip = [sys.executable, "-m", "pip", "--python", self.binaries / "python"]
        subprocess.run([*pip, "install", "-q", "--no-deps", wheel], check=True)
        # The dependencies are those of this environment; its own editable installation is not seen from there.
        places = sysconfig.get_paths(vars={"base": str(folder / "env"), "platbase": str(folder / "env")})
        dependencies = sysconfig.get_paths()["purelib"]
        (Path(places["purelib"]) / "dependencies.pth").write_text(dependencies, encoding="utf-8")
        self.environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"HEAT_HOME": str(self.home)}

    def ask(self, program: str, *words: str, code: int = 0) -> str:
        """What a program of the environment prints; its exit code must be `code`."""
        result = subprocess.run(
            [str(self.binaries / program), *words],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env=self.environment,
        )
        assert result.returncode == code, result.stderr
        return result.stdout or result.stderr


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"), wheel)


def test_the_clone_is_not_seen_from_it(installed):
    found = "import heat_core, heat_explorer.app as a; print(heat_core.__file__, a.__file__, heat_core.__version__)"
    *files, version = installed.ask("python", "-c", found).split()
    assert all(Path(file).is_relative_to(installed.folder) for file in files)
    assert installed.ask("heat", "--version").strip() == f"heat_core {version}"
    absent = "from importlib.util import find_spec; print(find_spec('app'), find_spec('tests'))"
    assert installed.ask("python", "-c", absent).split() == ["None", "None"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--port", "70000"], "--port is 70000"),
        (["--home", "a-file"], "which is a file"),
        (["--home", ""], "home is empty"),
    ],
)
def test_the_app_is_not_started_on_nonsense(installed, words, sentence):
    (installed.folder / "a-file").touch()
    assert sentence in installed.ask("heat", "app", *words, code=2)


def test_without_the_extra_one_sentence_says_what_to_install(installed):
    """Without Streamlit one sentence says what to install."""
    hide = "import sys; sys.modules['streamlit'] = None; from heat_core.__main__ import main; sys.exit(main(['app']))"
    message = installed.ask("python", "-c", hide, code=2)
    assert message.count("\n") == 1
    assert 'pip install "heat-explorer[app]"' in message


SMALL_DEMO = """
import sys
from dataclasses import replace

from heat_core.__main__ import main
from heat_core.cli import run_verbs

demo = run_verbs.demo_experiment()
settings = demo.settings | {"updates": 30, "epochs": 5}
run_verbs.demo_experiment = lambda: replace(demo, limit=60, limit_test=40, limit_ood=100, settings=settings)
sys.exit(main(["demo", "--json"]))
"""


@pytest.fixture(scope="module")
def demo_metrics(installed) -> dict:
    """Make the demo run, of a part of its images, in the environment and in its HEAT_HOME."""
    return json.loads(installed.ask("python", "-c", SMALL_DEMO).splitlines()[-1])["metrics"]


@pytest.mark.slow
def test_the_demo_runs_from_it_without_the_repository(demo_metrics):
    """The demo runs from the wheel in an environment without the repository."""
    assert demo_metrics["heat"]["average"]["auroc"] > 0.9


@contextmanager
def heat_app(installed: Installed, *words: str) -> Iterator[str]:
    """`heat app` on a port of its own; yields the address with which it opens a browser, which here prints it."""
    command = [str(installed.binaries / "heat"), "app", "--port", str(free_port()), *words]
    environment = installed.environment | {"BROWSER": "echo opened %s", "HEAT_HOME": "not used"}
    places = {"cwd": installed.folder, "env": environment}
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **places)
    try:
        yield next(line.split()[1] for line in server.stdout if line.startswith("opened"))
    finally:
        server.terminate()
        server.communicate(timeout=20)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium chromium-driver")
def test_heat_app_shows_the_demo(installed, demo_metrics):
    with heat_app(installed, "--home", str(installed.home)) as address, chromium() as browser:
        page = open_page(browser, address)
        assert page.evaluate(f"{LIVE}.run.k") == 3
        page.locator("[data-question=all]").click()
        page.wait_for_function(f"() => [...{LIVE}.$('.results').querySelectorAll('img')].some(i => i.naturalWidth > 0)")
        assert page.get_by_role("img", name="Logo").evaluate("image => image.naturalWidth") > 0
        page.get_by_role("link", name="Compare", exact=True).click()
        page.get_by_role("heading", name="Compare", exact=True).wait_for(timeout=30_000)
        page.locator(".heat-table tbody tr").first.wait_for(timeout=30_000)
        assert page.problems == []


def test_heat_app_passes_options_on_to_streamlit(installed):
    """What follows `--` are options of Streamlit: the page lies below a base path, and other hosts stay refused."""
    words = ("--home", str(installed.folder / "empty"), "--", "--server.baseUrlPath", "lab")
    with heat_app(installed, *words) as address:
        assert address.endswith("/lab")
        with urllib.request.urlopen(f"{address}/_stcore/health") as answer:
            assert answer.read() == b"ok"
        foreign = urllib.request.Request(address, headers={"Host": "evil.example"})
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(foreign)


OPTIONAL = (
    "plotly",
    "umap",
    "pillow_heif",
    "pyarrow",
    "ray",
    "onnx",
    "onnxscript",
    "transformers",
    "pandas",
    "pytorch_ood",
    "anywidget",
    "traitlets",
    "cleanlab",
)


def test_everything_that_is_imported_is_declared():
    """Unconditional imports by the dependencies (and the extra `app` in the app), the others by an extra."""
    declared = {d.split(">")[0] for d in PROJECT["dependencies"]}
    optional = PROJECT["optional-dependencies"]
    extras = {d.split(">")[0].split("[")[0] for part in optional.values() for d in part}
    with_app = declared | {d.split(">")[0] for d in (*optional["app"], *optional["report"])}
    for path in (*(ROOT / "heat_core").rglob("*.py"), *(ROOT / "app").rglob("*.py")):
        always = with_app if path.is_relative_to(ROOT / "app") else declared
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
            for top in {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"heat_core", "app"}:
                name = NAMES.get(top, top)
                allowed = always | extras if top in OPTIONAL else always
                assert name in allowed, f"{path} imports {top}"


UNLISTED = ("heif", "onnx", "hf", "pytorch-ood", "notebook")  # extras that requirements.txt leaves out


def test_the_requirements_name_what_the_project_declares():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    listed = {line for line in lines if line and not line.startswith(("#", "-"))}
    wanted = (part for extra, part in PROJECT["optional-dependencies"].items() if extra not in UNLISTED)
    extras = {d for part in wanted for d in part if "[" not in d}
    assert listed == {*PROJECT["dependencies"], *extras}
