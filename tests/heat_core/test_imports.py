"""Which package may import which, how large files and folders are, and what must be importable without torch."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[2]
LARGEST_FOLDER, LONGEST_FILE = 16, 350


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


def test_only_session_touches_the_session_state():
    others = [p for p in (ROOT / "app").rglob("*.py") if p.name != "session.py"]
    assert not [p.name for p in others if "session_state" in p.read_text(encoding="utf-8")]


def test_nobody_else_spells_a_key_of_the_record():
    for path in [*(ROOT / "heat_core").rglob("*.py"), *(ROOT / "app").rglob("*.py")]:
        if path.name != "record.py":
            text = path.read_text(encoding="utf-8")
            assert not [key for key in ("energies.npz", "scored.npz", "/predicted", "/score-") if f'{key}"' in text], (
                path
            )


def absent(module: str, *imported: str) -> bool:
    code = f"import sys, {', '.join(imported)}; print({module!r} in sys.modules)"
    return subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"


def test_what_opens_runs_does_not_import_torch():
    folders = ("analysis", "reporting")
    analysis = [f"heat_core.{f}.{p.stem}" for f in folders for p in (ROOT / "heat_core" / f).glob("[a-z]*.py")]
    names = ("record", "position_maps", "run", "experiment", "feature_map", "events")
    runs = [f"heat_core.runs.{name}" for name in names]
    runs += ["heat_core.jobs.jobs", "heat_core.jobs.estimate", "heat_core.pipeline.make_map"]
    others = ["heat_core.composition", "heat_core.metrics", "heat_core.cli", "heat_core.energies.settings"]
    assert absent("torch", *analysis, *runs, *others)


def test_pages_start_without_what_they_draw_later():
    assert absent("plotly", "heat_core", "heat_core.cli", "heat_core.analysis.samples", "heat_core.reporting.tables")
    assert absent("pandas", "heat_core.analysis.comparison", "heat_core.reporting.export")
