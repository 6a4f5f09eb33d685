"""Download buttons for tables and figures."""

import streamlit as st


def table(frame, name: str) -> None:
    st.download_button(
        "Table as CSV",
        frame.to_csv().encode(),
        f"{name}.csv",
        "text/csv",
        icon=":material/download:",
        key=f"csv-{name}",
    )


def figure(fig, name: str) -> None:
    """The figure as a page of its own, which opens without internet; made only when the button is pressed."""
    st.download_button(
        "Figure as HTML", lambda: fig.to_html(include_plotlyjs=True).encode(), f"{name}.html", "text/html",
        icon=":material/download:", key=f"html-{name}",
    )  # fmt: skip
