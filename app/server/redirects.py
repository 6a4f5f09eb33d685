"""Redirects from other addresses of the pages: those of version 0.1, and `/inspect`."""

from collections.abc import Callable

import streamlit as st

from app.common.text import escape_markdown

NEW_PLACE = {
    "inspect": "inspect",  # The page itself is at the root, since it is the first.
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
    """Return a page for each of these addresses, which no menu lists and which opens the page of NEW_PLACE."""
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
