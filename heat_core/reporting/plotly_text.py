"""Escaping of text that is not ours (names of sets, classes, files) in figures."""

import html

from heat_core.names import printable

_JOINER = "\u2060"  # invisible, and separates two characters that Plotly would read together


def escape_plotly(text: object) -> str:
    """Escape text so that Plotly draws it literally, without HTML tags or fields of a hover template."""
    return html.escape(printable(str(text)), quote=False).replace("%{", f"%{_JOINER}{{")
