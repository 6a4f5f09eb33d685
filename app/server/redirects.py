"""Redirects from the addresses of version 0.1 to the present pages."""

from collections.abc import Callable

import streamlit as st

from app.common.text import escape_markdown

NEW_PLACE = {
    "live": "inspect",
    "map": "inspect",
    "gallery": "inspect",
    "explore": "compare",
    "own": "new_images",
    "train": "runs",
    "setup": "runs",
}
_EXTRA_PARAMETERS = {"setup": {"view": "new"}}  # old page → further query parameters of the new page


def pages() -> list[st.Page]:
    """Return a page for every old address, which no menu lists and which opens the new page."""
    return [
        st.Page(
            _redirect_to(new, _EXTRA_PARAMETERS.get(old, {})),
            title=escape_markdown(old.capitalize()),
            url_path=old,
            visibility="hidden",
        )
        for old, new in NEW_PLACE.items()
    ]


def _redirect_to(new: str, extra: dict[str, str]) -> Callable[[], None]:
    def go() -> None:
        st.switch_page(f"app_pages/{new}.py", query_params=extra | st.query_params.to_dict())

    return go
