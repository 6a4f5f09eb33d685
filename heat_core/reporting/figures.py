"""Plotly figures of detectors and studies, shared by the app and the notebooks.

The functions only draw: all numbers are computed before.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from heat_core.reporting import palette
from heat_core.reporting.figure_layout import (
    apply_layout,
    height_with_legend,
    shorten_name,
    style_of_repeat,
    wrap_label,
)
from heat_core.runs.events import Event


def score_histogram(
    id_scores: np.ndarray,
    ood_scores: dict[str, np.ndarray],
    threshold: float,
    threshold_label: str = "95 % of ID",
    bins: int = 60,
) -> go.Figure:
    """Draw the share of each set per score bin, with the threshold as a dashed line.

    The last bin holds all scores beyond the 99th percentile, so that a few extreme scores do not compress the rest.

    Args:
        id_scores: (N,) scores of the ID test set.
        ood_scores: OOD set → its scores.
        threshold: score at which the line is drawn.
        threshold_label: text beside the line.
        bins: number of bins.
    """
    edges = _bin_edges(np.concatenate([id_scores, *ood_scores.values()]), threshold, bins)
    centres = (edges[:-1] + edges[1:]) / 2
    colours = {"ID test": palette.ID, **palette.of_sets(list(ood_scores))}
    figure = go.Figure()
    for i, (name, scores) in enumerate({"ID test": id_scores, **ood_scores}.items(), start=-1):
        counts, _ = np.histogram(np.clip(scores, edges[0], edges[-1]), edges)
        figure.add_bar(
            x=centres,
            y=100 * counts / len(scores),
            width=edges[1] - edges[0],
            name=f"{shorten_name(name)} ({len(scores)})",
            marker={
                "color": colours[name],
                "line": {"width": 0},
                "pattern": {"shape": style_of_repeat(max(i, 0), ("", "/", "x"))},
            },
            opacity=0.6,
            hovertemplate="score %{x:.3g}: %{y:.1f} %<extra>%{fullData.name}</extra>",
        )
    figure.add_vline(
        x=threshold,
        line={"dash": "dash", "width": 2, "color": palette.LINE},
        annotation_text=threshold_label,
        annotation_position="top",
    )
    figure.update_layout(barmode="overlay")
    axis = "OOD score (larger = more out-of-distribution;<br>the last bin holds all larger scores)"
    return apply_layout(figure, axis, "% of the set", height_with_legend(len(ood_scores)))


def _bin_edges(scores: np.ndarray, threshold: float, bins: int) -> np.ndarray:
    """Return (bins + 1,) edges from the lowest finite score to the 99th percentile, with the threshold within."""
    values = np.append(scores, threshold)
    values = values[np.isfinite(values)]
    if not len(values):
        values = np.zeros(1)
    low, high = values.min(), max(np.percentile(values, 99), threshold if np.isfinite(threshold) else -np.inf)
    return np.linspace(low, high if high > low else low + 1, bins + 1)


def roc_curves(curves: dict[str, tuple[np.ndarray, np.ndarray]]) -> go.Figure:
    """Draw ROC curves with a line at 95 % of ID kept, which meets each curve at its FPR95.

    Args:
        curves: OOD set → (share of OOD called ID, share of ID kept) at each threshold.
    """
    figure = go.Figure()
    colours = palette.of_sets(list(curves))
    for i, (name, (x, y)) in enumerate(curves.items()):
        line = {"color": colours[name], "width": 2, "dash": style_of_repeat(i, ("solid", "dash", "dot"))}
        figure.add_scatter(x=x, y=y, mode="lines", name=shorten_name(name), line=line)
    figure.add_hline(
        y=0.95,
        line={"dash": "dash", "width": 1, "color": palette.LINE},
        annotation_text="95 % of ID kept",
        annotation_position="bottom right",
    )
    return apply_layout(figure, "share of OOD called ID", "share of ID kept", height_with_legend(len(curves)))


def training_curves(epochs: Sequence[Event], keys: dict[str, str], y: str) -> go.Figure:
    """Draw one line over epochs per key of the events.

    Args:
        epochs: epoch events of a training.
        keys: key of an event → its name in the legend.
        y: title of the vertical axis.
    """
    figure = go.Figure()
    for (key, label), colour in zip(keys.items(), (palette.ID, *palette.OOD), strict=False):
        rows: list[Mapping[str, Any]] = [e for e in epochs if key in e]
        x, values = [e["epoch"] for e in rows], [e[key] for e in rows]
        figure.add_scatter(x=x, y=values, name=label, mode="lines+markers", line={"color": colour})
    return apply_layout(figure, "epoch", y, height=300)


def beta_curve(betas: list[str], fpr95: list[float], auroc: list[float], current: str | None) -> go.Figure:
    """Draw average FPR95 and AUROC (percent) over β (Fig. 3b), with equal distances between the steps of the slider.

    Args:
        betas: values of β, as text.
        fpr95: FPR95 at each β, in percent.
        auroc: AUROC at each β, in percent.
        current: value of β to mark, or None.
    """
    figure = go.Figure()
    figure.add_scatter(x=betas, y=fpr95, name="FPR95 (lower is better)", line={"color": palette.WRONG})
    figure.add_scatter(x=betas, y=auroc, name="AUROC (higher is better)", line={"color": palette.RIGHT, "dash": "dot"})
    if current in betas:
        mark = {"annotation_text": f"β = {current}", "annotation_position": "top"}
        figure.add_vline(x=betas.index(current), line={"width": 2, "dash": "dash", "color": palette.LINE}, **mark)
    middle = betas.index("0") if "0" in betas else 0  # every second step is labelled, and 0 is one of them
    # Ticks are given by name, since Plotly reads the number 2 as the step named "2".
    figure.update_xaxes(type="category", tickvals=betas[middle % 2 :: 2])
    return apply_layout(figure, "β", "average over the OOD sets, %", height=300)


def bands(
    x: Sequence[str],
    x_title: str,
    y_title: str,
    lines: Mapping[str, tuple[list[float], list[float], list[float]]],
    levels: Mapping[str, float],
) -> go.Figure:
    """Draw curves with their intervals as bands, and levels as dashed lines, with equal distances between the x.

    Args:
        x: labels of the points.
        x_title: title of the horizontal axis.
        y_title: title of the vertical axis.
        lines: name of a curve → its mean, low and high at each x.
        levels: name of a level → its value; colours continue after those of the curves.
    """
    figure, positions = go.Figure(), list(range(len(x)))
    colours = palette.CLASSES
    for i, (name, (mean, low, high)) in enumerate(lines.items()):
        colour = colours[i % len(colours)]
        fill = "rgba({},{},{},0.18)".format(*(int(colour[j : j + 2], 16) for j in (1, 3, 5)))
        edge = {"line": {"width": 0}, "mode": "lines", "hoverinfo": "skip", "showlegend": False}
        figure.add_scatter(x=positions, y=high, **edge)
        figure.add_scatter(x=positions, y=low, fill="tonexty", fillcolor=fill, **edge)
        figure.add_scatter(x=positions, y=mean, name=shorten_name(name), mode="lines+markers", line={"color": colour})
    for i, (name, value) in enumerate(levels.items(), start=len(lines)):
        line = {"color": colours[i % len(colours)], "dash": "dash", "width": 1.5}
        figure.add_scatter(x=positions, y=[value] * len(x), name=shorten_name(name), mode="lines", line=line)
    figure.update_xaxes(tickvals=positions, ticktext=list(x))
    return apply_layout(figure, x_title, y_title, height_with_legend(len(lines) + len(levels)))


def interval_chart(
    labels: list[str], values: list[float], low: list[float], high: list[float], metric: str
) -> go.Figure:
    """Draw a point with its interval per row, the first row on top; HEAT's rows have their own colour and symbol.

    Args:
        labels: titles of the rows.
        values: value of each row, in percent.
        low: lower end of each interval; NaN where there is none.
        high: upper end of each interval; NaN where there is none.
        metric: title of the metric.
    """
    # Two runs may have the same name; an invisible space keeps their rows apart.
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
    texts = [wrap_label(label) for label in labels]
    figure.update_yaxes(autorange="reversed", type="category", tickvals=rows, ticktext=texts)
    row_height = 22 if texts == labels else 34
    return apply_layout(figure, f"{metric}, average over the OOD sets, %", "", height=120 + row_height * len(labels))
