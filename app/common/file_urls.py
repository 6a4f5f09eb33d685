"""Addresses of pictures and downloads, which `app.server.file_routes` serves."""

from urllib.parse import urlencode

import streamlit as st

from heat_core import Run
from heat_core.analysis.new_images import NewImages
from heat_core.analysis.samples import Samples
from heat_core.runs.results_file import ENERGIES

_PREFIX = "/heat-files"


def url_prefix() -> str:
    """Return the path of the routes, with the base path of the server."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}{_PREFIX}" if base else _PREFIX


def picture_url(run: Run, **query: str | int) -> str:
    """Return the address of a picture.

    Args:
        run: the run that the picture belongs to.
        query: `set` and `row`, or `batch` and `row` for new images. The caller or the browser may append `side`, the
            largest side in pixels, and a missing `row`.
    """
    version = (run.folder / ENERGIES).stat().st_mtime_ns if run.has_energies else 0
    return f"{url_prefix()}/picture?{urlencode({'run': run.id, 'v': version} | query, errors='surrogateescape')}"


def download_target(samples: Samples) -> dict[str, str]:
    """Return the address of the downloads: {"path": path of the route, "of": further query parameters}.

    The browser sends the page's own query, which names run and subset, followed by `of`.
    """
    query = {"of": "new", "batch": samples.batch} if isinstance(samples, NewImages) else {"of": "known"}
    return {"path": f"{url_prefix()}/take", "of": urlencode(query, errors="surrogateescape")}
