"""Connection of the form's widgets with its values."""

from collections.abc import Sequence
from typing import Any

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
