"""Thumbnails and the gallery grid, as one piece of HTML (one request, however many pictures)."""

import base64
import html
import io

import streamlit as st
from PIL import Image

from heat_core import HeatError, Run

THUMB = 96
PER_ROW = 10  # pictures side by side

CSS = f"""<style>
.heat-grid {{ display:flex; flex-wrap:wrap; gap:8px; align-items:flex-start; }}
.heat-row {{ display:grid; gap:8px; align-items:center; margin-bottom:10px; }}
.heat-row > .name {{ font-weight:600; font-size:14px; overflow-wrap:anywhere; }}
.heat-grid .heat-cell {{ width:{THUMB}px; }}
.heat-cell {{ position:relative; max-width:{THUMB}px; }}
.heat-cell img {{ width:100%; aspect-ratio:1; object-fit:contain; border-radius:6px; box-sizing:border-box;
  image-rendering:auto; background:#8883; display:block; }}
.heat-cell.caught img {{ border:4px solid #009E73; }}
.heat-cell.missed img {{ border:4px dashed #D55E00; }}
.heat-cell .mark {{ position:absolute; top:6px; right:6px; font:700 13px sans-serif; color:#fff; border-radius:9px;
  width:18px; height:18px; line-height:18px; text-align:center; }}
.heat-cell.caught .mark {{ background:#00785A; }} .heat-cell.missed .mark {{ background:#B23A00; }}
.heat-cell .cap {{ font-size:11px; opacity:.8; overflow:hidden; text-overflow:ellipsis; white-space:nowrap; }}
</style>"""


@st.cache_data(show_spinner=False, max_entries=20_000)
def thumbnail(folder: str, dataset: str, sample: str, _run: Run) -> str | None:
    """A data URL of the sample's picture; None where the file is gone."""
    try:
        return data_url(_run.image(dataset, sample), 2 * THUMB)
    except HeatError:
        return None


def data_url(image: Image.Image, side: int) -> str:
    """The picture, at most `side` pixels wide and high: small ones to the pixel, photographs as JPEG."""
    small = max(image.size) <= 64
    if max(image.size) > side:
        image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "PNG") if small else image.convert("RGB").save(buffer, "JPEG", quality=88)
    kind = "png" if small else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def large(run: Run, dataset: str, sample: str, side: int) -> None:
    """The picture as large as the column, small ones enlarged without blur."""
    try:
        url = data_url(run.image(dataset, sample), 2 * side)
    except HeatError as error:
        st.caption(str(error))
        return
    name = html.escape(sample, quote=True)
    st.html(f'<img src="{url}" alt="{name}" style="width:100%;max-width:{side}px;border-radius:8px;image-rendering:{"pixelated" if "png" in url[:15] else "auto"}">')  # fmt: skip


def cell(run: Run, dataset: str, sample: str, verdict: str = "", caption: str = "") -> str:
    """One picture. `verdict`: caught (green, solid, ✓), missed (red, dashed, ✗) or none."""
    url = thumbnail(str(run.folder), dataset, sample, run)
    name = html.escape(f"{sample} {caption}".strip(), quote=True)
    picture = f'<img src="{url}" alt="{name}">' if url else '<img alt="no longer there">'
    mark = {"caught": '<span class="mark">✓</span>', "missed": '<span class="mark">✗</span>'}.get(verdict, "")
    below = f'<div class="cap">{html.escape(caption)}</div>' if caption else ""
    return f'<div class="heat-cell {verdict}" title="{name}">{picture}{mark}{below}</div>'


def grid(cells: list[str]) -> None:
    st.html(CSS + f'<div class="heat-grid">{"".join(cells)}</div>')


def rows(named: dict[str, list[str]]) -> None:
    """One row of cells a method, the same samples under one another (Figs. 5, 8, 9)."""
    width = max((len(c) for c in named.values()), default=0)
    style = f"grid-template-columns:96px repeat({max(width, PER_ROW)},minmax(0,{THUMB}px))"
    body = "".join(
        f'<div class="heat-row" style="{style}"><div class="name">{html.escape(n)}</div>{"".join(c)}</div>'
        for n, c in named.items()
    )
    st.html(CSS + f"<div>{body}</div>")
