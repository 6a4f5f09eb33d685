"""What Streamlit renders as Markdown: parameters of its functions, and types of columns."""

import inspect

import streamlit as st

_TEXTS = ("title", "header", "subheader", "caption", "markdown", "badge", "toast")
_MESSAGES = ("info", "warning", "error", "success")
_CONTAINERS = ("expander", "popover", "status")
_WIDGETS = (
    "audio_input",
    "button",
    "camera_input",
    "checkbox",
    "color_picker",
    "date_input",
    "datetime_input",
    "download_button",
    "file_uploader",
    "form_submit_button",
    "link_button",
    "menu_button",
    "multiselect",
    "number_input",
    "page_link",
    "pills",
    "radio",
    "segmented_control",
    "select_slider",
    "selectbox",
    "slider",
    "text_area",
    "text_input",
    "time_input",
    "toggle",
)
_COLUMNS = tuple(name for name in dir(st.column_config) if name.endswith("Column"))
_NAMES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_TEXTS, ("body", "label", "help")),
    **dict.fromkeys(_MESSAGES, ("body", "title")),
    **dict.fromkeys(_CONTAINERS, ("label", "help")),
    **dict.fromkeys(_WIDGETS, ("label", "help", "captions")),
    **dict.fromkeys(_COLUMNS, ("label", "help")),
    "Page": ("title", "help"),
    "dialog": ("title",),
    "exception": ("exception",),
    "image": ("caption",),
    "latex": ("help",),
    "metric": ("label", "value", "delta", "help", "delta_description"),
    "progress": ("text",),
    "set_page_config": ("menu_items",),
    "spinner": ("text",),
    "table": ("data",),  # cells, index and columns
    "tabs": ("tabs",),
    "text": ("help",),
    "write": ("args",),
    "write_stream": ("stream",),
}
#: Parameters of functions that the table does not have.
ANYWHERE = ("help", "show_spinner")
#: Widgets whose options are Markdown too, as `format_func` shows them.
OPTIONS = {"feedback", "menu_button", "pills", "radio", "segmented_control", "select_slider"}
#: Types of columns that make pictures, links or Markdown of the cells of `st.dataframe`; others show them as text.
MARKUP_COLUMNS = {"ImageColumn", "LinkColumn", "MarkdownColumn"}


def _with_positions(function: str, names: tuple[str, ...]) -> tuple[object, ...]:
    """Return the names and the positions at which a call may give them."""
    parameters = inspect.signature(getattr(st, function, None) or getattr(st.column_config, function)).parameters
    positions: list[object] = []
    for i, parameter in enumerate(parameters.values()):
        if parameter.name in names and parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
            positions.append(i)
        elif parameter.name in names and parameter.kind is parameter.VAR_POSITIONAL:
            positions += range(i, i + 20)
    return (*positions, *names)


#: Function of Streamlit → positions and names of the arguments that are rendered as Markdown.
SINKS = {function: _with_positions(function, names) for function, names in _NAMES.items()}
