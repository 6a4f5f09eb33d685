"""Plotly figures of a run's map; the functions only draw."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from heat_core.reporting.figure_layout import apply_layout

# Symbols of ID and of eleven OOD sets.
_SYMBOLS = (
    *("circle", "diamond", "square", "triangle-up", "cross", "star"),
    *("x", "triangle-down", "pentagon", "bowtie", "hourglass", "hexagram"),
)
MAX_SVG_POINTS = 5000  # up to this many points SVG is fast enough, and it needs no GPU


def feature_map(xy: np.ndarray, groups: dict[str, np.ndarray], colours: dict[str, str], text: list[str]) -> go.Figure:
    """Draw a map with one colour and one symbol per group.

    Args:
        xy: (N, 2) points.
        groups: name of a group → indices of its points; each point carries its index as `customdata`.
        colours: name of a group → its colour.
        text: hover text of each point.
    """
    figure = go.Figure()
    trace_type = go.Scattergl if len(xy) > MAX_SVG_POINTS else go.Scatter
    for i, (name, rows) in enumerate(groups.items()):
        marker = {"color": colours[name], "symbol": _SYMBOLS[i % len(_SYMBOLS)], "size": 6, "opacity": 0.75}
        figure.add_trace(_points(trace_type, xy, rows, text, f"{name} ({len(rows)})", marker))
    return _apply_map_layout(figure)


def score_map(xy: np.ndarray, scores: np.ndarray, text: list[str]) -> go.Figure:
    """Draw a map coloured by score; the colour scale spans the 1st to the 99th percentile."""
    finite = scores[np.isfinite(scores)]
    low, high = np.percentile(finite, [1, 99]) if len(finite) else (0.0, 1.0)
    marker = {
        "color": scores,
        "colorscale": "Cividis",
        "cmin": low,
        "cmax": high,
        "size": 6,
        "colorbar": {"title": "score"},
    }
    trace_type = go.Scattergl if len(xy) > MAX_SVG_POINTS else go.Scatter
    return _apply_map_layout(go.Figure(_points(trace_type, xy, np.arange(len(xy)), text, "score", marker)))


def _points(
    trace_type: Any, xy: np.ndarray, rows: np.ndarray, text: Sequence[str], name: str, marker: dict[str, Any]
) -> go.Scatter | go.Scattergl:
    return trace_type(
        x=xy[rows, 0],
        y=xy[rows, 1],
        mode="markers",
        name=name,
        customdata=np.asarray(rows),
        marker=marker,
        text=[text[i] for i in rows],
        hovertemplate="%{text}<extra></extra>",
    )


def _apply_map_layout(figure: go.Figure) -> go.Figure:
    figure.update_xaxes(showticklabels=False, zeroline=False, showgrid=False)
    figure.update_yaxes(showticklabels=False, zeroline=False, showgrid=False, scaleanchor="x")
    return apply_layout(figure, "", "", height=640).update_layout(dragmode="lasso")
