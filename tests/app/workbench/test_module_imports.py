"""The imports among the workbench's JavaScript modules, read from their text."""

import posixpath
import re
from graphlib import TopologicalSorter

import pytest

from heat_core.workbench.javascript import linked
from tests.app.modules import BROWSER

IMPORT = re.compile(r'^import \{ [^}]+ \} from "(\.{1,2}/[^"]+\.js)";$', re.MULTILINE)
IMPORTED_NAMES = re.compile(r"^import \{ ([^}]+) \} from", re.MULTILINE)
EXPORTED_NAME = re.compile(r"^export (?:async )?(?:function|const|class) (\w+)", re.MULTILINE)
ONLY_TESTS_READ = {"isInsidePolygon", "toMap"}
ENTRIES = ("streamlit.js", "notebook.js", "answer.js", "save.js")
LARGEST_FOLDER = 16


@pytest.fixture(scope="module")
def imports() -> dict[str, list[str]]:
    """Module → modules that it imports, as paths inside heat_core/workbench/browser."""
    modules = {path.relative_to(BROWSER).as_posix(): path.read_text("utf-8") for path in BROWSER.rglob("*.js")}
    return {
        name: [posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) for path in IMPORT.findall(text)]
        for name, text in modules.items()
    }


def test_every_import_is_read_and_resolves(imports):
    for name, imported in imports.items():
        assert set(imported) <= set(imports), name
        assert len(imported) == len(re.findall(r"\bimport\b.*\bfrom\b", (BROWSER / name).read_text("utf-8"))), name


def test_no_module_imports_itself_through_others(imports):
    assert len(list(TopologicalSorter(imports).static_order())) == len(imports)  # raises CycleError


def used_by(entries: tuple[str, ...], imports: dict[str, list[str]]) -> set[str]:
    """The entries and the modules that they import, also through others."""
    used, waiting = set(), list(entries)
    while waiting:
        if (name := waiting.pop()) not in used:
            used.add(name)
            waiting += imports[name]
    return used


def test_every_module_is_used(imports):
    assert used_by(ENTRIES, imports) == set(imports)


def test_every_export_is_used():
    """Each is imported by a module, or is one of the few that only tests read; and no two have the same name."""
    texts = [path.read_text("utf-8") for path in BROWSER.rglob("*.js")]
    exported = [name for text in texts for name in EXPORTED_NAME.findall(text)]
    imported = {name for text in texts for names in IMPORTED_NAMES.findall(text) for name in names.split(", ")}
    assert set(exported) - ONLY_TESTS_READ == imported
    assert len(exported) == len(set(exported))


def test_folders_are_small(imports):
    folders = [posixpath.dirname(name) for name in imports]
    assert max(map(folders.count, folders)) <= LARGEST_FOLDER


def test_folders_do_not_import_each_other(imports):
    """The folders form layers, and the entries and the renderer at the root are above them."""
    folders = {posixpath.dirname(name): set() for name in imports if "/" in name}
    for name, imported in imports.items():
        if folder := posixpath.dirname(name):
            folders[folder] |= {posixpath.dirname(path) for path in imported} - {folder}
    assert next(iter(TopologicalSorter(folders).static_order())) == "common"


@pytest.mark.parametrize("entry", ["streamlit", "notebook"])
def test_linked_text_holds_each_module_once(imports, entry):
    text, used = linked(entry), used_by((f"{entry}.js",), imports)
    for name in imports:
        assert text.count(f'["{name.removesuffix(".js")}", ') == (name in used), name
    assert 'from \\"./' not in text
