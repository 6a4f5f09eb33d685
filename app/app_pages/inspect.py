"""Inspect: which images does this model not know, and what do they have in common? The workbench over a run."""

import streamlit as st

from app.common import faults, following
from app.common.heading import heading
from app.state import session
from app.workbench.inspect_view import inspect_view
from heat_core.analysis.questions import Query

place = heading("Which images does this model not know?")
with faults.told():
    run = following.ready_run(place)
    if not run.priors:
        following.wait(
            run,
            "The first residual is being trained: the workbench opens when it is. Compare already shows the other "
            "detectors.",
        )

    @st.fragment
    @faults.told()
    def linked() -> None:
        """A fragment: what is done in the workbench reruns it, and not the page around it."""
        if following.gone(run.folder):
            return
        samples, version = following.samples_of(run)
        session.current(run)
        session.about(run.id, Query())
        inspect_view(samples, version)
        session.write_address(run)

    linked()
