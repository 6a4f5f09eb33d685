"""Layout of every Plotly figure, names within figures, and figures within HTML pages."""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from heat_core.reporting import palette

Figure = go.Figure  # for type annotations in other packages, which do not import Plotly
_MAX_NAME = 36  # characters of a name in a legend or beside an axis
_LEGEND_LINE = 20  # height of a line of the legend, in pixels


def plotly_js() -> str:
    """Return the JavaScript of Plotly, for pages that open without internet."""
    return get_plotlyjs()


def within_page(figure: go.Figure) -> str:
    """Convert a figure to HTML for a page that contains `plotly_js`."""
    figure.update_layout(template="plotly_white")
    config = {"responsive": True, "displaylogo": False}
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config=config))


def apply_layout(figure: go.Figure, x: str, y: str, height: int = 380) -> go.Figure:
    """Set axis titles, height in pixels, margins and legend; long axis labels are not clipped."""
    legend = {"orientation": "h", "y": 1.08, "yanchor": "bottom", "x": 0, "entrywidthmode": "pixels", "entrywidth": 0}
    figure.update_layout(
        xaxis_title=x, yaxis_title=y, height=height, margin={"l": 10, "r": 30, "t": 30, "b": 10}, legend=legend
    )
    return figure.update_xaxes(automargin=True).update_yaxes(automargin=True)


def height_with_legend(sets: int) -> int:
    """Return a figure's height in pixels, with room for a legend line per set, so that the plot keeps its size."""
    return 380 + _LEGEND_LINE * max(sets - 3, 0)


def shorten_name(name: str) -> str:
    """Shorten a name for a legend; a long one keeps its beginning and its end."""
    half = _MAX_NAME // 2
    return name if len(name) <= _MAX_NAME else f"{name[:half]}…{name[-half + 1 :]}"


def style_of_repeat(i: int, styles: Sequence[str]) -> str:
    """Return the style of the `i`-th set, which changes each time the colours repeat."""
    return styles[i // len(palette.OOD) % len(styles)]


def wrap_label(label: str) -> str:
    """Break a long label into lines at spaces, which no HTML tag or entity of the label contains."""
    lines = [""]
    for word in label.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        lines[-1:] = [longer] if len(longer) <= _MAX_NAME or not lines[-1] else [lines[-1], word]
    return "<br>".join(lines)
