"""Connection of the form's widgets with its values and their errors."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common import faults, path_picker
from app.runs.form_values import NUMBER_FIELDS, FormValues
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
    if name in NUMBER_FIELDS and not value:
        value = None  # An empty field shows its placeholder, which says what 0 stands for.

    def store_value() -> None:
        chosen = session.get(key)
        form.values[name] = 0 if chosen is None else chosen

    return {kind: options.index(value) if kind == "index" else value, "key": key, "on_change": store_value}


def renew_widgets(form: FormValues) -> None:
    """Give the widgets of the form new keys, by which they take over values that something else has changed."""
    form.filling = session.get("form-fillings", 0) + 1
    session.set_values(**{"form-fillings": form.filling})


def path_field(
    place: DeltaGenerator, label: str, name: str, form: FormValues, weights: bool = False, **more: Any
) -> None:
    """Draw a field for a path, with a button that chooses it on this machine.

    Args:
        place: element in which both are drawn.
        label: label of the field.
        name: name of the value in `form.values`.
        form: values of the form.
        weights: whether a weights file is asked for, instead of images.
        more: further arguments of the field.
    """
    row = place.container(horizontal=True, vertical_alignment="bottom", gap="small")
    row.text_input(label, **bind(name, form), **more)
    kind: dict[str, Any] = {"endings": path_picker.WEIGHTS, "folders": False} if weights else {}

    def store(path: str) -> None:
        form.values[name] = path
        renew_widgets(form)

    path_picker.path_button(row, name, form.text(name), store, **kind)


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
