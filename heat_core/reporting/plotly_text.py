"""Foreign text in figures."""

import html

from heat_core.names import printable

_JOINER = "\u2060"  # seen by no reader, and by no rule that looks for neighbours


def escape_plotly(text: object) -> str:
    """Foreign text as Plotly draws it to the letter: no tag of its little HTML, and no field of a hover text."""
    return html.escape(printable(str(text)), quote=False).replace("%{", f"%{_JOINER}{{")
