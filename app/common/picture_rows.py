"""Rows of pictures, drawn as one HTML element."""

import html

import streamlit as st

THUMB = 96  # CSS pixels
PER_ROW = 10  # pictures side by side

CSS = f"""<style>
.heat-row {{ display:grid; gap:8px; align-items:center; margin-bottom:10px; }}
.heat-row > .name {{ font-weight:600; font-size:14px; overflow-wrap:anywhere; }}
.heat-cell {{ max-width:{THUMB}px; }}
.heat-cell img {{ width:100%; aspect-ratio:1; object-fit:contain; border-radius:6px; background:#8883; display:block; }}
</style>"""


def picture_cell(url: str) -> str:
    """Return the HTML of one picture."""
    return f'<div class="heat-cell"><img src="{url}" alt=""></div>'


def draw_rows(cells_by_name: dict[str, list[str]]) -> None:
    """Draw a row of pictures for each name.

    Args:
        cells_by_name: name of each row, which is escaped here → the HTML of its pictures.
    """
    width = max((len(c) for c in cells_by_name.values()), default=0)
    style = f"grid-template-columns:96px repeat({max(width, PER_ROW)},minmax(0,{THUMB}px))"
    body = "".join(
        f'<div class="heat-row" style="{style}"><div class="name">{html.escape(n)}</div>{"".join(c)}</div>'
        for n, c in cells_by_name.items()
    )
    st.html(CSS + f"<div>{body}</div>")
