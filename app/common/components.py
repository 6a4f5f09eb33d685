"""Mounting of the components that run in the browser in Streamlit pages."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from heat_core.workbench.javascript import linked, markup, style_sheet


def component(name: str, entry: str, page: str | None = None) -> Callable[..., Any]:
    """Declare a component.

    Args:
        name: name under which Streamlit registers the component.
        entry: stem of the component's JavaScript, see `heat_core.workbench.javascript`.
        page: stem of its HTML and style sheet, where it differs.

    Returns:
        Function that mounts the component.
    """
    return st.components.v2.component(
        name, html=markup(page or entry), css=style_sheet(page or entry), js=linked(entry)
    )
