"""Connection of the form's widgets with its values and their errors."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common import faults
from app.runs.form_values import FormValues
from app.state import session


def bind(name: str, form: FormValues, kind: str = "value", options: Sequence[str] = ()) -> dict[str, Any]:
    """Return the arguments with which a widget starts with a value of the form and stores changes in it.

    The value is passed as the widget's default. A value set through the session would be lost where another click ends
    the script early.

    Args:
        name: name of the value in `form.values`.
        form: values of the form.
        kind: the widget's parameter for its default: "value", "default" or "index".
        options: options of the widget, where `kind` is "index".
    """
    key, value = f"{form.key_prefix}-{name}", form.values[name]

    def store_value() -> None:
        form.values[name] = session.get(key)

    return {kind: options.index(value) if kind == "index" else value, "key": key, "on_change": store_value}


def show_error(errors: dict[str, str], name: str, place: DeltaGenerator | None = None) -> None:
    """Draw the error of a field, if it has one, below its widget.

    Args:
        errors: field → error.
        name: name of the field.
        place: element that holds the widget; default: the one that is being filled.
    """
    if name in errors:
        with place or st.container():
            faults.show(errors[name])
