"""The head of every page: its question, the run that answers, and what the words mean."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common.glossary import glossary
from app.common.text import plain


def heading(title: str) -> DeltaGenerator:
    """Draw the head; returns the place where the run is chosen."""
    question, run, words = st.columns([6, 3, 1.4], vertical_alignment="center", gap="small")
    question.title(plain(title))
    with words:
        glossary()
    return run
