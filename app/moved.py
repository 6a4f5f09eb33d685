"""Where the pages of version 0.1 went: an old address leads to the new place."""

from collections.abc import Callable

import streamlit as st

NEW_PLACE = {
    "live": "inspect",
    "map": "inspect",
    "gallery": "inspect",
    "explore": "compare",
    "own": "new_images",
    "train": "runs",
    "setup": "runs",
}


def pages() -> list[st.Page]:
    """A page for every old address, in no menu."""
    return [
        st.Page(_to(new), title=old.capitalize(), url_path=old, visibility="hidden") for old, new in NEW_PLACE.items()
    ]


def _to(new: str) -> Callable[[], None]:
    def go() -> None:
        st.switch_page(f"app_pages/{new}.py", query_params=st.query_params.to_dict())

    return go
