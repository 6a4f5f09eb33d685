"""The Glossary that every page offers."""

from html import escape

import streamlit as st

from heat_core.reporting.glossary import TERMS


def glossary() -> None:
    """Draw the button that opens the explanations of the terms on the pages."""
    with st.popover("Glossary", icon=":material/help:", type="tertiary", help="What the terms of these pages mean."):
        terms = "".join(f"<p><b>{escape(t.name)}</b> · {escape(t.meaning)}</p>" for t in TERMS if t.on_pages)
        # The list is longer than a screen: only what takes the focus can be scrolled by keys in every browser.
        st.html(f'<div tabindex="0" role="region" aria-label="Terms">{terms}</div>')
