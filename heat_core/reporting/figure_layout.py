"""The frame of every Plotly figure, the names in it, and figures within HTML pages."""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from heat_core.reporting import palette

Figure = go.Figure  # for annotations outside this package, which alone imports Plotly
_MAX_NAME = 36  # characters of a name in a legend or beside an axis
_LEGEND_LINE = 20  # pixels of a legend's line


def plotly_js() -> str:
    """The plotting library's code, for pages that open without internet."""
    return get_plotlyjs()


def within_page(figure: go.Figure) -> str:
    """HTML of a figure for a page that holds `plotly_js`."""
    figure.update_layout(template="plotly_white")
    config = {"responsive": True, "displaylogo": False}
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config=config))


def apply_layout(figure: go.Figure, x: str, y: str, height: int = 380) -> go.Figure:
    """The same frame for all: nothing of an axis is clipped, however long its labels are."""
    legend = {"orientation": "h", "y": 1.08, "yanchor": "bottom", "x": 0, "entrywidthmode": "pixels", "entrywidth": 0}
    figure.update_layout(
        xaxis_title=x, yaxis_title=y, height=height, margin={"l": 10, "r": 30, "t": 30, "b": 10}, legend=legend
    )
    return figure.update_xaxes(automargin=True).update_yaxes(automargin=True)


def height_with_legend(sets: int) -> int:
    """Of a figure whose legend may need a line for each of its sets: the plot keeps its size."""
    return 380 + _LEGEND_LINE * max(sets - 3, 0)


def shorten_name(name: str) -> str:
    """A name that fits a legend: of a long one the beginning and the end."""
    half = _MAX_NAME // 2
    return name if len(name) <= _MAX_NAME else f"{name[:half]}…{name[-half + 1 :]}"


def style_of_repeat(i: int, styles: Sequence[str]) -> str:
    """How the `i`-th set is drawn where the colours begin anew."""
    return styles[i // len(palette.OOD) % len(styles)]


def wrap_label(label: str) -> str:
    """A long label in lines; they break at spaces, where no tag or entity of Plotly's can be."""
    lines = [""]
    for word in label.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        lines[-1:] = [longer] if len(longer) <= _MAX_NAME or not lines[-1] else [lines[-1], word]
    return "<br>".join(lines)
