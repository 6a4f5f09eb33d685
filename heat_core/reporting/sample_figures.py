"""Plotly figures of one sample; the functions only draw."""

from collections.abc import Callable

import plotly.graph_objects as go

from heat_core.analysis.explanation import Explanation
from heat_core.reporting import palette
from heat_core.reporting.figure_layout import apply_layout
from heat_core.runs.row_names import corrected_row


def score_contributions(explanation: Explanation, threshold: float, title: Callable[[str], str]) -> go.Figure:
    """Draw a sample's score as bars that add up: each prior, its residual, β, and the sum.

    Args:
        explanation: contributions to the score.
        threshold: score at which a dashed line is drawn.
        title: function that returns the title of a detector.
    """
    steps = []
    for part in explanation.contributions:
        name = title(corrected_row(part.prior)).removeprefix("HEAT-")
        steps += [(f"{name} prior", part.from_prior), ("its residual", part.from_residual)]
    if abs(explanation.from_beta) > 1e-9:
        steps.append(("β", explanation.from_beta))
    # Bars may share a label ("its residual"), so they are placed by number.
    positions = list(range(len(steps) + 1))
    bars = go.Waterfall(
        x=positions,
        y=[value for _, value in steps] + [None],
        measure=["relative"] * len(steps) + ["total"],
        increasing={"marker": {"color": palette.WRONG}},
        decreasing={"marker": {"color": palette.ID}},
        totals={"marker": {"color": palette.LINE}},
        connector={"line": {"color": palette.LINE, "width": 1}},
        text=[f"{value:+.2f}" for _, value in steps] + [f"{explanation.score:.2f}"],
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
    figure.update_xaxes(tickvals=positions, ticktext=[label for label, _ in steps] + ["score"], tickangle=-35)
    return apply_layout(figure, "", "standard deviations of ID", height=320).update_layout(
        showlegend=False, margin_r=70
    )
