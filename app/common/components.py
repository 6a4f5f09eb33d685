"""Mounting of the components that run in the browser in Streamlit pages."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from heat_core.workbench.javascript import linked, markup, style_sheet


def component(name: str, entry: str) -> Callable[..., Any]:
    """Declare a component.

    Args:
        name: name under which Streamlit registers the component.
        entry: stem of the component's files, see `heat_core.workbench.javascript`.

    Returns:
        Function that mounts the component.
    """
    return st.components.v2.component(name, html=markup(entry), css=style_sheet(entry), js=linked(entry))
