"""Downloads of tables and figures, and the drawing of every figure of the app."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.common.components import component
from heat_core.names import escape_formula, file_name

_SAVE = component("heat_save", "save")


def table_button(frame: pd.DataFrame, name: str) -> None:
    """Draw a button that downloads a table as CSV.

    Args:
        frame: the table with its index.
        name: name of the file without its suffix.
    """
    st.download_button(
        "Table as CSV",
        _without_formulas(frame).to_csv().encode(errors="backslashreplace"),
        f"{name}.csv",
        "text/csv",
        icon=":material/download:",
        key=f"csv-{name}",
    )


def _without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Escape texts that a spreadsheet would run as formulas, in cells, index and columns."""

    def escape(value: Any) -> Any:
        return escape_formula(value) if isinstance(value, str) else value

    return frame.map(escape).rename(index=escape, columns=escape)


def draw_chart(fig: go.Figure, key: str, name: str) -> None:
    """Draw a figure with its download buttons below.

    Args:
        fig: the figure.
        key: key of the chart's widget.
        name: name of the downloaded files without their suffix.
    """
    st.plotly_chart(fig, key=key, config={"displaylogo": False})
    figure_buttons(fig, name)


def figure_buttons(fig: go.Figure, name: str) -> None:
    """Draw the buttons that download the figure drawn last.

    The browser saves its drawing as PNG or SVG. The HTML page, which opens without internet, is created only when its
    button is pressed.

    Args:
        fig: the figure.
        name: name of the downloaded files without their suffix.
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
