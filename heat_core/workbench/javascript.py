"""Components that run in the browser: their HTML, style sheets and JavaScript modules.

A component's JavaScript reaches the page as one text. So that it can still consist of modules, the text is a linker: it
creates an object URL for each module, after the modules that it imports, and exports the entry module's default export.
"""

import json
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from heat_core.reporting import palette

_FOLDER = Path(__file__).with_name("browser")
_RELATIVE_IMPORT = re.compile(r'from "(\.{1,2}/[\w/.]+)\.js"')
_LINKER = """\
const urls = {};
for (const [name, text] of MODULES) {
  const linked = text.replace(/from "@([\\w/]+)"/g, (_, imported) => `from "${urls[imported]}"`);
  urls[name] = URL.createObjectURL(new Blob([linked], { type: "text/javascript" }));
}
export default (await import(urls["ENTRY"])).default;
"""


def markup(entry: str) -> str | None:
    """Return the HTML of a component; None where it has none.

    Args:
        entry: stem of the component's files in the folder `browser`.
    """
    path = _FOLDER / f"{entry}.html"
    return path.read_text(encoding="utf-8") if path.exists() else None


def style_sheet(entry: str) -> str | None:
    """Return the style sheet of a component, after the colours of the palette; None where it has none."""
    path = _FOLDER / f"{entry}.css"
    return palette.css() + path.read_text(encoding="utf-8") if path.exists() else None


def linked(entry: str) -> str:
    """Return one JavaScript module that stands for `entry`.js and all modules that it imports."""
    modules = json.dumps(list(_ordered_modules(entry, set())), ensure_ascii=False)
    return _LINKER.replace("ENTRY", entry).replace("MODULES", modules)


def _ordered_modules(name: str, visited: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the name and the text of each module once, after the modules that it imports.

    Args:
        name: path of the module inside this folder, without its suffix.
        visited: names of the modules that were already yielded; updated.

    Yields:
        Name and text, in which imports name modules by their paths in this folder: `../map/canvas.js` becomes
        `@map/canvas`.
    """
    if name in visited:
        return
    visited.add(name)
    text = (_FOLDER / f"{name}.js").read_text(encoding="utf-8")
    for path in _RELATIVE_IMPORT.findall(text):
        imported = posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
        text = text.replace(f'from "{path}.js"', f'from "@{imported}"')
        yield from _ordered_modules(imported, visited)
    yield name, text
