"""The head of every page: its title, the choice of the run, and the Glossary."""

from html import escape

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common.text import escape_markdown
from heat_core.reporting.glossary import TERMS


def heading(title: str) -> DeltaGenerator:
    """Draw the head of a page and return the column for the choice of the run."""
    question, run_column, glossary_column = st.columns([6, 3, 1.4], vertical_alignment="center", gap="small")
    question.title(escape_markdown(title), anchor=False)  # A link to the top of the page would be a stop of Tab.
    with glossary_column:
        _glossary()
    return run_column


def _glossary() -> None:
    """Draw the button that opens the explanations of the terms on the pages."""
    with st.popover("Glossary", icon=":material/help:", type="tertiary", help="What the terms of these pages mean."):
        terms = "".join(f"<p><b>{escape(t.name)}</b> · {escape(t.meaning)}</p>" for t in TERMS if t.on_pages)
        # The list is longer than a screen: only what takes the focus can be scrolled by keys in every browser.
        st.html(f'<div tabindex="0" role="region" aria-label="Terms">{terms}</div>')
