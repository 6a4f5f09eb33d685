"""Every Plotly figure that the app and the notebooks share. Drawing only: the numbers come in ready."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from heat_core.analysis.explanation import Explanation
from heat_core.reporting import palette
from heat_core.runs.events import Event
from heat_core.runs.row_names import corrected_row

_MANY = 5000  # SVG draws this many points smoothly, and needs no GPU
_LONGEST = 36  # characters of a name in a legend or beside an axis
_LINE = 20  # pixels of a legend's line


def plotly_js() -> str:
    """The plotting library's code, for pages that open without internet."""
    return get_plotlyjs()


def within_page(figure: go.Figure) -> str:
    """HTML of a figure for a page that holds `plotly_js`."""
    figure.update_layout(template="plotly_white")
    config = {"responsive": True, "displaylogo": False}
    return str(figure.to_html(full_html=False, include_plotlyjs=False, config=config))


def _layout(figure: go.Figure, x: str, y: str, height: int = 380) -> go.Figure:
    """The same frame for all: nothing of an axis is clipped, however long its labels are."""
    legend = {"orientation": "h", "y": 1.08, "yanchor": "bottom", "x": 0, "entrywidthmode": "pixels", "entrywidth": 0}
    figure.update_layout(
        xaxis_title=x, yaxis_title=y, height=height, margin={"l": 10, "r": 30, "t": 30, "b": 10}, legend=legend
    )
    return figure.update_xaxes(automargin=True).update_yaxes(automargin=True)


def _height(sets: int) -> int:
    """Of a figure whose legend may need a line for each of its sets: the plot keeps its size."""
    return 380 + _LINE * max(sets - 3, 0)


def _short(name: str) -> str:
    """A name that fits a legend: of a long one the beginning and the end."""
    half = _LONGEST // 2
    return name if len(name) <= _LONGEST else f"{name[:half]}…{name[-half + 1 :]}"


def _again(i: int, kinds: Sequence[str]) -> str:
    """How the `i`-th set is drawn where the colours begin anew."""
    return kinds[i // len(palette.OOD) % len(kinds)]


def _wrapped(label: str) -> str:
    """A long label in lines; they break at spaces, where no tag or entity of Plotly's can be."""
    lines = [""]
    for word in label.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        lines[-1:] = [longer] if len(longer) <= _LONGEST or not lines[-1] else [lines[-1], word]
    return "<br>".join(lines)


def score_histogram(
    id_scores: np.ndarray, ood_scores: dict[str, np.ndarray], threshold: float, line: str = "95 % of ID", bins: int = 60
) -> go.Figure:
    """Share of each set per score bin, with the threshold as a dashed line that is called `line`.

    A few extreme OOD scores would squeeze everything else: the last bin gathers what lies beyond the 99th percentile.
    """
    everything = np.concatenate([id_scores, *ood_scores.values(), [threshold]])
    everything = everything[np.isfinite(everything)]
    if not len(everything):
        everything = np.zeros(1)
    low, high = everything.min(), max(np.percentile(everything, 99), threshold if np.isfinite(threshold) else -np.inf)
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    centres = (edges[:-1] + edges[1:]) / 2
    colours = {"ID test": palette.ID, **palette.of_sets(list(ood_scores))}
    figure = go.Figure()
    for i, (name, scores) in enumerate({"ID test": id_scores, **ood_scores}.items(), start=-1):
        counts, _ = np.histogram(np.clip(scores, edges[0], edges[-1]), edges)
        figure.add_bar(
            x=centres,
            y=100 * counts / len(scores),
            width=edges[1] - edges[0],
            name=f"{_short(name)} ({len(scores)})",
            marker={
                "color": colours[name],
                "line": {"width": 0},
                "pattern": {"shape": _again(max(i, 0), ("", "/", "x"))},
            },
            opacity=0.6,
            hovertemplate="score %{x:.3g}: %{y:.1f} %<extra>%{fullData.name}</extra>",
        )
    figure.add_vline(
        x=threshold,
        line={"dash": "dash", "width": 2, "color": palette.LINE},
        annotation_text=line,
        annotation_position="top",
    )
    figure.update_layout(barmode="overlay")
    axis = "score (larger = more out-of-distribution;<br>last bin: and beyond)"
    return _layout(figure, axis, "% of the set", _height(len(ood_scores)))


def roc_curves(curves: dict[str, tuple[np.ndarray, np.ndarray]]) -> go.Figure:
    """Name → (share of OOD kept as ID, share of ID kept as ID); the 95 % line meets a curve at its FPR95."""
    figure = go.Figure()
    colours = palette.of_sets(list(curves))
    for i, (name, (x, y)) in enumerate(curves.items()):
        line = {"color": colours[name], "width": 2, "dash": _again(i, ("solid", "dash", "dot"))}
        figure.add_scatter(x=x, y=y, mode="lines", name=_short(name), line=line)
    figure.add_hline(
        y=0.95,
        line={"dash": "dash", "width": 1, "color": palette.LINE},
        annotation_text="95 % of ID kept",
        annotation_position="bottom right",
    )
    return _layout(figure, "share of OOD taken for ID", "share of ID kept", _height(len(curves)))


def training_curves(epochs: Sequence[Event], keys: dict[str, str], y: str) -> go.Figure:
    """One line per key of the epoch events (key → legend)."""
    figure = go.Figure()
    for (key, label), colour in zip(keys.items(), (palette.ID, *palette.OOD), strict=False):
        rows: list[Mapping[str, Any]] = [e for e in epochs if key in e]
        x, values = [e["epoch"] for e in rows], [e[key] for e in rows]
        figure.add_scatter(x=x, y=values, name=label, mode="lines+markers", line={"color": colour})
    return _layout(figure, "epoch", y, height=300)


def beta_curve(betas: list[str], fpr95: list[float], auroc: list[float], current: str | None) -> go.Figure:
    """Average FPR95 and AUROC (percent) over β (Fig. 3b); the axis is even in the steps of the slider."""
    figure = go.Figure()
    figure.add_scatter(x=betas, y=fpr95, name="FPR95 (lower is better)", line={"color": palette.WRONG})
    figure.add_scatter(x=betas, y=auroc, name="AUROC (higher is better)", line={"color": palette.RIGHT, "dash": "dot"})
    if current in betas:
        mark = {"annotation_text": f"β = {current}", "annotation_position": "top"}
        figure.add_vline(x=betas.index(current), line={"width": 2, "dash": "dash", "color": palette.LINE}, **mark)
    middle = betas.index("0") if "0" in betas else 0  # every second step is written, 0 among them
    figure.update_xaxes(type="category", tickvals=betas[middle % 2 :: 2])  # by name: 2 would be the step called "2"
    return _layout(figure, "β", "average over the OOD sets, %", height=300)


def bands(
    x: Sequence[str],
    x_title: str,
    y_title: str,
    lines: Mapping[str, tuple[list[float], list[float], list[float]]],
    levels: Mapping[str, float],
) -> go.Figure:
    """Curves (name → mean, low, high at each x) with their intervals as bands, and levels as dashed lines. The axis is
    even in the steps of x; a level has the colour of the curve beside which it stands in the order of names."""
    figure, places = go.Figure(), list(range(len(x)))
    colours = palette.CLASSES
    for i, (name, (mean, low, high)) in enumerate(lines.items()):
        colour = colours[i % len(colours)]
        fill = "rgba({},{},{},0.18)".format(*(int(colour[j : j + 2], 16) for j in (1, 3, 5)))
        edge = {"line": {"width": 0}, "mode": "lines", "hoverinfo": "skip", "showlegend": False}
        figure.add_scatter(x=places, y=high, **edge)
        figure.add_scatter(x=places, y=low, fill="tonexty", fillcolor=fill, **edge)
        figure.add_scatter(x=places, y=mean, name=_short(name), mode="lines+markers", line={"color": colour})
    for i, (name, value) in enumerate(levels.items(), start=len(lines)):
        line = {"color": colours[i % len(colours)], "dash": "dash", "width": 1.5}
        figure.add_scatter(x=places, y=[value] * len(x), name=_short(name), mode="lines", line=line)
    figure.update_xaxes(tickvals=places, ticktext=list(x))
    return _layout(figure, x_title, y_title, _height(len(lines) + len(levels)))


def interval_chart(
    labels: list[str], values: list[float], low: list[float], high: list[float], metric: str
) -> go.Figure:
    """One point a row with its interval, the first row on top; HEAT's rows in its own colour."""
    # Two runs may have the same name: an invisible space keeps their rows apart.
    rows = [label + "\u200b" * labels[:i].count(label) for i, label in enumerate(labels)]
    colours = [palette.RIGHT if label.startswith("HEAT") else palette.ID for label in labels]
    symbols = ["diamond" if label.startswith("HEAT") else "circle" for label in labels]
    figure = go.Figure()
    for i in range(len(labels)):
        spread = {
            "type": "data",
            "symmetric": False,
            "array": [high[i] - values[i]],
            "arrayminus": [values[i] - low[i]],
        }
        figure.add_scatter(
            x=[values[i]],
            y=[rows[i]],
            error_x=spread if low[i] == low[i] else None,
            mode="markers",
            showlegend=False,
            marker={"color": colours[i], "symbol": symbols[i], "size": 9},
            hovertemplate=f"%{{y}}: %{{x:.1f}} ({low[i]:.1f} to {high[i]:.1f})<extra></extra>",
        )
    texts = [_wrapped(label) for label in labels]
    figure.update_yaxes(autorange="reversed", type="category", tickvals=rows, ticktext=texts)
    a_row = 22 if texts == labels else 34
    return _layout(figure, f"{metric}, average over the OOD sets, %", "", height=120 + a_row * len(labels))


def feature_map(xy: np.ndarray, groups: dict[str, np.ndarray], colours: dict[str, str], text: list[str]) -> go.Figure:
    """A map with one colour and one symbol per group (name → row indices); `customdata` is the row."""
    figure = go.Figure()
    symbols = ("circle", "diamond", "square", "triangle-up", "cross", "star", "x")
    kind = go.Scattergl if len(xy) > _MANY else go.Scatter
    for i, (name, rows) in enumerate(groups.items()):
        marker = {"color": colours[name], "symbol": symbols[i % len(symbols)], "size": 6, "opacity": 0.75}
        figure.add_trace(_points(kind, xy, rows, text, f"{name} ({len(rows)})", marker))
    return _map_layout(figure)


def score_map(xy: np.ndarray, scores: np.ndarray, text: list[str]) -> go.Figure:
    """A map coloured by score, from the 1st to the 99th percentile."""
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
    kind = go.Scattergl if len(xy) > _MANY else go.Scatter
    return _map_layout(go.Figure(_points(kind, xy, np.arange(len(xy)), text, "score", marker)))


def _points(
    kind: Any, xy: np.ndarray, rows: np.ndarray, text: Sequence[str], name: str, marker: dict[str, Any]
) -> go.Scatter | go.Scattergl:
    return kind(
        x=xy[rows, 0],
        y=xy[rows, 1],
        mode="markers",
        name=name,
        customdata=np.asarray(rows),
        marker=marker,
        text=[text[i] for i in rows],
        hovertemplate="%{text}<extra></extra>",
    )


def _map_layout(figure: go.Figure) -> go.Figure:
    figure.update_xaxes(showticklabels=False, zeroline=False, showgrid=False)
    figure.update_yaxes(showticklabels=False, zeroline=False, showgrid=False, scaleanchor="x")
    return _layout(figure, "", "", height=640).update_layout(dragmode="lasso")


def score_parts(told: Explanation, threshold: float, title: Callable[[str], str]) -> go.Figure:
    """A sample's score as bars that add up: each prior, its residual, β, the sum; the dashed line is the threshold.

    title: detector → how it is printed.
    """
    steps = []
    for part in told.parts:
        name = title(corrected_row(part.prior)).removeprefix("HEAT-")
        steps += [(f"{name} prior", part.from_prior), ("its residual", part.from_residual)]
    if abs(told.from_beta) > 1e-9:
        steps.append(("β", told.from_beta))
    # Bars may share a label ("its residual"), so they stand on numbers.
    places = list(range(len(steps) + 1))
    bars = go.Waterfall(
        x=places,
        y=[value for _, value in steps] + [None],
        measure=["relative"] * len(steps) + ["total"],
        increasing={"marker": {"color": palette.WRONG}},
        decreasing={"marker": {"color": palette.ID}},
        totals={"marker": {"color": palette.LINE}},
        connector={"line": {"color": palette.LINE, "width": 1}},
        text=[f"{value:+.2f}" for _, value in steps] + [f"{told.score:.2f}"],
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{text}<extra></extra>",
    )
    figure = go.Figure(bars)
    figure.add_hline(
        y=threshold,
        line={"dash": "dash", "width": 2, "color": palette.LINE},
        annotation_text="threshold",
        annotation_position="right",
    )
    figure.update_xaxes(tickvals=places, ticktext=[label for label, _ in steps] + ["score"], tickangle=-35)
    return _layout(figure, "", "standard deviations of ID", height=320).update_layout(showlegend=False, margin_r=70)


def percentiles(shares: dict[str, float]) -> go.Figure:
    """Detector → share of known images that score lower; beyond the dashed line a sample is called unknown."""
    names, values = list(shares)[::-1], [100 * v for v in list(shares.values())[::-1]]
    marker = {"color": [palette.WRONG if v > 95 else palette.ID for v in values]}
    bars = go.Bar(x=values, y=names, orientation="h", marker=marker, hovertemplate="%{y}: %{x:.1f} %<extra></extra>")
    figure = go.Figure(bars)
    figure.add_vline(x=95, line={"dash": "dash", "width": 1, "color": palette.LINE})
    figure.update_xaxes(range=[0, 100.5])
    return _layout(figure, "% of known test images that score lower", "", height=80 + 22 * len(names))
