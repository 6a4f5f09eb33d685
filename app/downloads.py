"""Download buttons for tables and figures."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from heat_core.analysis.tables import no_formula


def table(frame: pd.DataFrame, name: str) -> None:
    """The table as CSV."""
    st.download_button(
        "Table as CSV",
        _safe(frame).to_csv().encode(errors="backslashreplace"),
        f"{name}.csv",
        "text/csv",
        icon=":material/download:",
        key=f"csv-{name}",
    )


def _safe(frame: pd.DataFrame) -> pd.DataFrame:
    """The same table with texts that no spreadsheet runs."""

    def text(value: Any) -> Any:
        return no_formula(value) if isinstance(value, str) else value

    return frame.map(text).rename(index=text, columns=text)


def figure(fig: go.Figure, name: str) -> None:
    """The figure as a page of its own, which opens without internet; made only when the button is pressed."""
    st.download_button(
        "Figure as HTML",
        lambda: fig.to_html(include_plotlyjs=True).encode(),
        f"{name}.html",
        "text/html",
        icon=":material/download:",
        key=f"html-{name}",
    )
