"""Job that makes the map of a run that was made without one."""

import streamlit as st

from app.state import session
from heat_core import Run
from heat_core.jobs import jobs

_STARTED = "map-started"


def start(run: Run) -> None:
    """Start the job, in a callback.

    Raises:
        HeatError: where the map cannot be made, or another process works on the run.
    """
    jobs.start_map(run)
    session.set_values(**{_STARTED: True})


def show_job() -> None:
    """Rerun the whole page after `start`, so that it shows the progress of the job."""
    if session.pop(_STARTED):
        st.rerun()
