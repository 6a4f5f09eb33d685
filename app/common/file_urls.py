"""Addresses of what the browser fetches beside the page; `app.server.served` answers them."""

from urllib.parse import urlencode

import streamlit as st

from heat_core import Run
from heat_core.analysis.newcomers import Newcomers
from heat_core.analysis.samples import Samples
from heat_core.runs.record import ENERGIES

PREFIX = "/heat-files"


def prefix() -> str:
    """Where the routes are, for the browser."""
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}{PREFIX}" if base else PREFIX


def picture_address(run: Run, **of: str | int) -> str:
    """The address of a picture: `set` and `row`, or `batch` and `row` of new images; `side` is added to it."""
    version = (run.folder / ENERGIES).stat().st_mtime_ns if run.has_energies else 0
    return f"{prefix()}/picture?{urlencode({'run': run.id, 'v': version} | of, errors='surrogateescape')}"


def take_address(samples: Samples) -> dict[str, str]:
    """The address of files to take along, and what stands behind the page's own query, which names run and subset."""
    of = {"of": "new", "batch": samples.batch} if isinstance(samples, Newcomers) else {"of": "known"}
    return {"path": f"{prefix()}/take", "of": urlencode(of, errors="surrogateescape")}
