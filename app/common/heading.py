"""The head of every page: its title, the choice of the run, and the Glossary."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common.glossary import glossary
from app.common.text import escape_markdown


def heading(title: str) -> DeltaGenerator:
    """Draw the head of a page and return the column for the choice of the run."""
    question, run_column, glossary_column = st.columns([6, 3, 1.4], vertical_alignment="center", gap="small")
    question.title(escape_markdown(title), anchor=False)  # A link to the top of the page would be a stop of Tab.
    with glossary_column:
        glossary()
    return run_column
