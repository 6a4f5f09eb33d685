"""The house's rule: a room imports only those before it; and what must stay light stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Each floor may import itself and the floors before it.
FLOORS = (
    ("errors", "version"),
    ("storage", "metrics", "composition"),
    ("features",),
    ("energies",),
    ("detectors", "guard"),
    ("runs",),
    ("analysis",),
    ("studies", "shards"),
    ("__init__", "_moved"),
    ("commands",),
    ("__main__",),
)
FLOOR_OF = {room: i for i, rooms in enumerate(FLOORS) for room in rooms}


def room_of(path: Path) -> str:
    first = path.relative_to(ROOT / "heat_core").parts[0]
    return first.removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """Rooms of heat_core that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports relatively"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            head, *rest = name.split(".")
            if head == "heat_core":
                found.add(rest[0] if rest and rest[0] in FLOOR_OF else "__init__")
            elif head == "app":
                found.add("app")
    return found


@pytest.mark.parametrize("path", sorted((ROOT / "heat_core").rglob("*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_no_arrow_points_up(path):
    here = room_of(path)
    assert here in FLOOR_OF, f"{path} stands in no room: say in this test where"
    for room in imported_rooms(path):
        assert room != "app"
        assert FLOOR_OF[room] <= FLOOR_OF[here], f"{path} imports {room}"


def test_the_top_of_the_house_is_small():
    assert len(list((ROOT / "heat_core").glob("*.py"))) <= 9


@pytest.mark.parametrize("folder", ["heat_core", "app", "tests"])
def test_files_are_short(folder):
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in (ROOT / folder).rglob("*.py")}
    assert not {str(p): n for p, n in lengths.items() if n > 350}


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
    analysis = [f"heat_core.analysis.{p.stem}" for p in (ROOT / "heat_core" / "analysis").glob("[a-z]*.py")]
    names = ("record", "contributions", "run", "experiment", "jobs", "map", "mapping", "estimate", "events")
    runs = [f"heat_core.runs.{name}" for name in names]
    others = ["heat_core.composition", "heat_core.metrics", "heat_core.commands", "heat_core.energies.settings"]
    assert absent("torch", *analysis, *runs, *others)


def test_pages_start_without_what_they_draw_later():
    assert absent(
        "plotly", "heat_core", "heat_core.commands", "heat_core.analysis.samples", "heat_core.reporting.tables"
    )
    assert absent("pandas", "heat_core.analysis.comparison", "heat_core.reporting.export")


def test_modules_of_the_first_version_are_found_where_they_went():
    code = (
        "import warnings\nwith warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    from heat_core.datasets import read_image\n    from heat_core.results import Run\n"
        "import heat_core, heat_core.data.datasets as new\n"
        "assert read_image is new.read_image and Run is heat_core.Run\n"
        "print(sum('is now heat_core' in str(w.message) for w in caught))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "2"
