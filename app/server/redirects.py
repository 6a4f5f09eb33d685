"""Where the pages of version 0.1 went: an old address leads to the new place."""

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
_EXTRA_PARAMETERS = {"setup": {"view": "new"}}  # of the new page, where it absorbed several


def pages() -> list[st.Page]:
    """A page for every old address, in no menu."""
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
