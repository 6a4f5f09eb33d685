"""The Glossary that every page offers."""

import streamlit as st

from heat_core.reporting.glossary import TERMS


def glossary() -> None:
    """Draw the button that opens the explanations of the terms on the pages."""
    with st.popover("Glossary", icon=":material/help:", type="tertiary", help="What the terms of these pages mean."):
        st.markdown("\n\n".join(f"**{term.name}** · {term.meaning}" for term in TERMS if term.on_pages))
