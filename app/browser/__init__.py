"""Components that run in the browser: their HTML, style sheets and JavaScript modules, as Streamlit mounts them.

Streamlit takes the JavaScript of a component as one text, because it serves folders only for components that are
installed as packages of their own. So that the JavaScript can still consist of modules, the text is a linker: it
creates an object URL for each module, after the modules that it imports, and exports the entry module's default export.
"""

import json
import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import streamlit as st

from heat_core.reporting import palette

_FOLDER = Path(__file__).parent
_RELATIVE_IMPORT = re.compile(r'from "(\.{1,2}/[\w/.]+)\.js"')
_LINKER = """\
const urls = {};
for (const [name, text] of MODULES) {
  const linked = text.replace(/from "@([\\w/]+)"/g, (_, imported) => `from "${urls[imported]}"`);
  urls[name] = URL.createObjectURL(new Blob([linked], { type: "text/javascript" }));
}
export default (await import(urls["ENTRY"])).default;
"""


def component(name: str, entry: str) -> Callable[..., Any]:
    """Declare a component.

    Args:
        name: name under which Streamlit registers the component.
        entry: stem of the component's files in this folder: `entry`.js and, where they exist, `entry`.html and .css.

    Returns:
        Function that mounts the component.
    """
    html, css = (_FOLDER / f"{entry}.{suffix}" for suffix in ("html", "css"))
    return st.components.v2.component(
        name,
        html=html.read_text(encoding="utf-8") if html.exists() else None,
        css=palette.css() + css.read_text(encoding="utf-8") if css.exists() else None,
        js=linked(entry),
    )


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
