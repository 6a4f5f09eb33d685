"""The head of every page: its question, the run that answers, and what the words mean."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common.glossary import glossary
from app.common.text import escape_markdown


def heading(title: str) -> DeltaGenerator:
    """Draw the head; returns the place where the run is chosen."""
    question, run_column, glossary_column = st.columns([6, 3, 1.4], vertical_alignment="center", gap="small")
    question.title(escape_markdown(title))
    with glossary_column:
        glossary()
    return run_column
