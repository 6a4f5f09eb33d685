"""Widgets of the form that begin with its values, and write them back."""

from collections.abc import Sequence
from typing import Any

from app.runs.form_values import FormValues
from app.state import session


def bind(name: str, form: FormValues, kind: str = "value", options: Sequence[str] = ()) -> dict[str, Any]:
    """What makes a widget begin with a value of the form, whatever page was open in between, and keep it there.

    The value is the widget's default (`kind`: as it is called there), not one that is set: that would be lost where
    another click ends the script before the page has heard of it.
    """
    key, value = f"{form.key_prefix}-{name}", form.values[name]

    def store_value() -> None:
        form.values[name] = session.get(key)

    return {kind: options.index(value) if kind == "index" else value, "key": key, "on_change": store_value}
