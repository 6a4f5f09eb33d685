"""Thumbnails and the gallery grid, as one piece of HTML (one request, however many pictures)."""

import html
from pathlib import Path

import streamlit as st

from heat_core import HeatError, Run
from heat_core.analysis import palette
from heat_core.analysis.thumbnails import data_url
from heat_core.features.datasets import read_image

THUMB = 96
PER_ROW = 10  # pictures side by side

CSS = f"""<style>{palette.css()}
.heat-grid {{ display:flex; flex-wrap:wrap; gap:8px; align-items:flex-start; }}
.heat-row {{ display:grid; gap:8px; align-items:center; margin-bottom:10px; }}
.heat-row > .name {{ font-weight:600; font-size:14px; overflow-wrap:anywhere; }}
.heat-grid .heat-cell {{ width:{THUMB}px; }}
.heat-cell {{ position:relative; max-width:{THUMB}px; }}
.heat-cell img {{ width:100%; aspect-ratio:1; object-fit:contain; border-radius:6px; box-sizing:border-box;
  image-rendering:auto; background:#8883; display:block; }}
.heat-cell.caught img {{ border:4px solid var(--heat-right); }}
.heat-cell.missed img {{ border:4px dashed var(--heat-wrong); }}
.heat-cell .mark {{ position:absolute; top:6px; right:6px; font:700 13px sans-serif; color:#fff; border-radius:9px;
  width:18px; height:18px; line-height:18px; text-align:center; }}
.heat-cell.caught .mark {{ background:var(--heat-right-mark); }}
.heat-cell.missed .mark {{ background:var(--heat-wrong-mark); }}
.heat-cell .cap {{ font-size:11px; opacity:.8; overflow:hidden; text-overflow:ellipsis; white-space:nowrap; }}
</style>"""


@st.cache_data(show_spinner=False, max_entries=20_000)
def thumbnail(folder: str, dataset: str, sample: str, _run: Run) -> str | None:  # noqa: ARG001 (key of the cache)
    """A data URL of the sample's picture; None where the file is gone."""
    try:
        return data_url(_run.image(dataset, sample), 2 * THUMB)
    except (HeatError, OSError):
        return None


def picture(run: Run, dataset: str, sample: str, side: int) -> str | None:
    """A data URL of a sample's picture at a larger size; None where the file is gone."""
    try:
        return data_url(run.image(dataset, sample), side)
    except (HeatError, OSError):
        return None


@st.cache_data(show_spinner=False, max_entries=2000)
def file_url(path: str, side: int) -> str | None:
    """A data URL of an image file; None where it is gone."""
    try:
        return data_url(read_image(Path(path)), side)
    except OSError:
        return None


def large(url: str | None, name: str, side: int) -> None:
    """A picture as large as the column, small ones enlarged without blur."""
    if url is None:
        st.caption("The picture is no longer there, or was never on this machine.")
        return
    sharp = "pixelated" if url.startswith("data:image/png") else "auto"
    style = f"width:100%;max-width:{side}px;border-radius:8px;image-rendering:{sharp}"
    st.html(f'<img src="{url}" alt="{html.escape(name, quote=True)}" style="{style}">')


def bare(url: str) -> str:
    """One picture without a verdict."""
    return f'<div class="heat-cell"><img src="{url}" alt=""></div>'


def cell(run: Run, dataset: str, sample: str, verdict: str = "", caption: str = "") -> str:
    """One picture. `verdict`: caught (green, solid, ✓), missed (red, dashed, ✗) or none."""
    url = thumbnail(str(run.folder), dataset, sample, run)
    name = html.escape(f"{sample} {caption}".strip(), quote=True)
    picture = f'<img src="{url}" alt="{name}">' if url else '<img alt="no longer there">'
    mark = {"caught": '<span class="mark">✓</span>', "missed": '<span class="mark">✗</span>'}.get(verdict, "")
    below = f'<div class="cap">{html.escape(caption)}</div>' if caption else ""
    return f'<div class="heat-cell {verdict}" title="{name}">{picture}{mark}{below}</div>'


def grid(cells: list[str]) -> None:
    """Cells beside one another, as many as fit."""
    st.html(CSS + f'<div class="heat-grid">{"".join(cells)}</div>')


def rows(named: dict[str, list[str]]) -> None:
    """One row of cells a name, the same samples under one another (Figs. 5, 8, 9)."""
    width = max((len(c) for c in named.values()), default=0)
    style = f"grid-template-columns:96px repeat({max(width, PER_ROW)},minmax(0,{THUMB}px))"
    body = "".join(
        f'<div class="heat-row" style="{style}"><div class="name">{html.escape(n)}</div>{"".join(c)}</div>'
        for n, c in named.items()
    )
    st.html(CSS + f"<div>{body}</div>")
