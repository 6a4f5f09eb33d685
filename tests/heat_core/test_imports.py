"""Which package may import which, how large files and folders are, what tests may use, and what needs no torch."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[2]
LARGEST_FOLDER, LONGEST_FILE, LONGEST_TEST_NAME, MOST_UNFORMATTED = 16, 300, 60, 10
PACKAGES = ("heat_core", "app")
PRIVATE = re.compile(r"_(?!_)\w+")


def test_import_contracts():
    """Layers, cycles and who may import Plotly, UMAP and Streamlit: the contracts of pyproject.toml."""
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


@pytest.mark.parametrize("folder", ["heat_core", "app", "tests"])
def test_folders_are_small(folder):
    """A folder holds at most 16 modules of Python or JavaScript; `detectors` has one a method."""
    counts = Counter(
        p.parent
        for p in (ROOT / folder).rglob("*")
        if p.suffix in (".py", ".js") and p.name != "__init__.py" and p.parent.name != "detectors"
    )
    assert not {str(path): count for path, count in counts.items() if count > LARGEST_FOLDER}


@pytest.mark.parametrize("folder", ["heat_core", "app", "tests"])
def test_files_are_short(folder):
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in (ROOT / folder).rglob("*.py")}
    assert not {str(p): n for p, n in lengths.items() if n > LONGEST_FILE}


def source_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def nodes_of(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def test_few_places_are_exempt_from_the_formatter():
    mark = "# fmt: " + "skip"
    assert sum(path.read_text(encoding="utf-8").count(mark) for path in source_files(*PACKAGES, "tests")) <= (
        MOST_UNFORMATTED
    )


def test_names_of_tests_are_short():
    names = [
        node.name
        for path in source_files("tests")
        for node in nodes_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    ]
    assert not [name for name in names if len(name) > LONGEST_TEST_NAME]


def private_definitions() -> set[str]:
    """The private names of functions, classes, variables and attributes of both packages."""
    found = set()
    for path in source_files(*PACKAGES):
        for node in nodes_of(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
    return {name for name in found if PRIVATE.fullmatch(name)}


def private_uses(tree: ast.Module, private: set[str]) -> Iterator[str]:
    """Private names that a test imports, reads of anything but `self`, or names in a text, as `monkeypatch` takes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES:
            parts = [*node.module.split("."), *(alias.name for alias in node.names)]
            yield from (part for part in parts if PRIVATE.fullmatch(part))
        elif isinstance(node, ast.Import):
            parts = [
                part for alias in node.names if alias.name.split(".")[0] in PACKAGES for part in alias.name.split(".")
            ]
            yield from (part for part in parts if PRIVATE.fullmatch(part))
        elif isinstance(node, ast.Attribute) and not (isinstance(node.value, ast.Name) and node.value.id == "self"):
            yield from {node.attr} & private
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from {node.value, *re.findall(r"(?<=[\w)\]]\.)_\w+", node.value)} & private


def test_tests_use_public_names_alone():
    private = private_definitions()
    assert len(private) > 100
    used = {
        str(path.relative_to(ROOT)): sorted(private_uses(ast.parse(path.read_text(encoding="utf-8")), private))
        for path in source_files("tests")
    }
    assert not {path: names for path, names in used.items() if names}


@pytest.mark.parametrize(
    "code",
    [
        "from heat_core.metrics import _secret",
        "from app._secret import x",
        "import heat_core._secret",
        "metrics._secret()",
        'monkeypatch.setattr("heat_core.metrics._secret", 1)',
        'monkeypatch.setattr(metrics, "_secret", 1)',
        'CHILD = "print(run._secret)"',
    ],
)
def test_a_use_of_a_private_name_is_found(code):
    assert list(private_uses(ast.parse(code), {"_secret"})) == ["_secret"]


def test_only_session_touches_the_session_state():
    others = [p for p in (ROOT / "app").rglob("*.py") if p.name != "session.py"]
    assert not [p.name for p in others if "session_state" in p.read_text(encoding="utf-8")]


def test_no_other_module_writes_a_key_of_the_record():
    """The files of a run's numbers, and the keys in them, are known to one module each."""
    keys = {
        "results_file.py": ("energies.npz", "/predicted", "/score-"),
        "scored_images.py": ("scored.npz",),
        "measurements_file.py": ("findings.npz",),
    }
    for path in [*(ROOT / "heat_core").rglob("*.py"), *(ROOT / "app").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        foreign = [key for module, of_module in keys.items() if module != path.name for key in of_module]
        assert not [key for key in foreign if f'{key}"' in text], path


def absent(module: str, *imported: str) -> bool:
    code = f"import sys, {', '.join(imported)}; print({module!r} in sys.modules)"
    return subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_what_opens_runs_does_not_import_torch():
    folders = ("analysis", "findings", "reporting")
    analysis = [f"heat_core.{f}.{p.stem}" for f in folders for p in (ROOT / "heat_core" / f).glob("[a-z]*.py")]
    names = ("results_file", "position_maps", "run", "experiment", "feature_map", "events")
    runs = [f"heat_core.runs.{name}" for name in names]
    runs += ["heat_core.jobs.jobs", "heat_core.jobs.estimate", "heat_core.pipeline.make_map"]
    others = ["heat_core.composition", "heat_core.metrics", "heat_core.cli", "heat_core.energies.settings"]
    assert absent("torch", *analysis, *runs, *others)


def test_pages_start_without_what_they_draw_later():
    assert absent("plotly", "heat_core", "heat_core.cli", "heat_core.analysis.samples", "heat_core.reporting.tables")
    assert absent("pandas", "heat_core.analysis.comparison", "heat_core.reporting.export")
