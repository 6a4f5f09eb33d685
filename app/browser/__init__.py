"""What runs in the browser: HTML, style sheets and JavaScript modules, as Streamlit mounts them.

A component of this app is given to Streamlit as one text (it serves folders only for components that are packages of
their own). So that the files can be modules that import one another, the text is a linker: it makes a URL of each
module, after those that it imports, and takes the last one's default export.
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
_IMPORT = re.compile(r'from "(\.{1,2}/[\w/.]+)\.js"')
_LINKER = """\
const urls = {};
for (const [name, text] of MODULES) {
  const linked = text.replace(/from "@([\\w/]+)"/g, (_, imported) => `from "${urls[imported]}"`);
  urls[name] = URL.createObjectURL(new Blob([linked], { type: "text/javascript" }));
}
export default (await import(urls["ENTRY"])).default;
"""


def component(name: str, module: str) -> Callable[..., Any]:
    """A component whose files are `module`.html, .css and .js, where it has them."""
    html, css = (_FOLDER / f"{module}.{kind}" for kind in ("html", "css"))
    return st.components.v2.component(
        name,
        html=html.read_text(encoding="utf-8") if html.exists() else None,
        css=palette.css() + css.read_text(encoding="utf-8") if css.exists() else None,
        js=linked(module),
    )


def linked(entry: str) -> str:
    """One module that stands for `entry`.js and everything that it imports."""
    modules = json.dumps(list(_in_order(entry, set())), ensure_ascii=False)
    return _LINKER.replace("ENTRY", entry).replace("MODULES", modules)


def _in_order(name: str, seen: set[str]) -> Iterator[tuple[str, str]]:
    """Yield (name, text) of a module after those that it imports, each once; `map/viewport` is imported as
    `@map/viewport`."""
    if name in seen:
        return
    seen.add(name)
    text = (_FOLDER / f"{name}.js").read_text(encoding="utf-8")
    folder = posixpath.dirname(name)
    for path in _IMPORT.findall(text):
        imported = posixpath.normpath(posixpath.join(folder, path))
        text = text.replace(f'from "{path}.js"', f'from "@{imported}"')
        yield from _in_order(imported, seen)
    yield name, text
