"""Tables and figures to take along: every figure of the app is drawn, and saved, in one way."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import browser
from heat_core.names import escape_formula, file_name

_SAVE = browser.component("heat_save", "save")


def table_button(frame: pd.DataFrame, name: str) -> None:
    """The table as CSV."""
    st.download_button(
        "Table as CSV",
        _without_formulas(frame).to_csv().encode(errors="backslashreplace"),
        f"{name}.csv",
        "text/csv",
        icon=":material/download:",
        key=f"csv-{name}",
    )


def _without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """The same table with texts that no spreadsheet runs."""

    def escape(value: Any) -> Any:
        return escape_formula(value) if isinstance(value, str) else value

    return frame.map(escape).rename(index=escape, columns=escape)


def draw_chart(fig: go.Figure, key: str, name: str) -> None:
    """Draw a figure, with its buttons below.

    Args:
        fig: the figure.
        key: of its widget.
        name: of the files that it is saved as, without an ending.
    """
    st.plotly_chart(fig, key=key, config={"displaylogo": False})
    figure_buttons(fig, name)


def figure_buttons(fig: go.Figure, name: str) -> None:
    """Save the figure that was drawn last: as PNG and SVG by the browser, which has drawn it already, and as a page of
    its own, which opens without internet and is made only when its button is pressed.
    """
    row = st.container(horizontal=True, vertical_alignment="center", gap="small")
    with row:
        _SAVE(key=f"save-{name}", data={"name": file_name(name)}, width="content", height="content")
    row.download_button(
        "HTML",
        lambda: fig.to_html(include_plotlyjs=True).encode(),
        f"{name}.html",
        "text/html",
        icon=":material/download:",
        key=f"html-{name}",
        type="tertiary",
        help="The figure as a page of its own, which opens without internet.",
    )
