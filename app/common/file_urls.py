"""Addresses of what the browser fetches beside the page; `app.server.file_routes` answers them."""

from urllib.parse import urlencode

import streamlit as st

from heat_core import Run
from heat_core.analysis.new_images import NewImages
from heat_core.analysis.samples import Samples
from heat_core.runs.record import ENERGIES

PREFIX = "/heat-files"


def url_prefix() -> str:
    """Where the routes are, for the browser."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}{PREFIX}" if base else PREFIX


def picture_url(run: Run, **query: str | int) -> str:
    """The address of a picture: `set` and `row`, or `batch` and `row` of new images; `side` is added to it."""
    version = (run.folder / ENERGIES).stat().st_mtime_ns if run.has_energies else 0
    return f"{url_prefix()}/picture?{urlencode({'run': run.id, 'v': version} | query, errors='surrogateescape')}"


def download_target(samples: Samples) -> dict[str, str]:
    """The address of files to take along, and what stands behind the page's own query, which names run and subset."""
    query = {"of": "new", "batch": samples.batch} if isinstance(samples, NewImages) else {"of": "known"}
    return {"path": f"{url_prefix()}/take", "of": urlencode(query, errors="surrogateescape")}
