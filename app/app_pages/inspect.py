"""Live: β, threshold, histogram, map, gallery and inspector, linked: what one moves, the others answer."""

import streamlit as st

from app import faults, following, session
from app.gallery_view import gallery
from app.inspector import inspector
from app.live_view import live_view, selected

st.title("Which images does this model not know?")
with faults.told():
    run = following.ready_run()
    if not run.priors:
        following.wait(
            run,
            "The first residual is being trained: the view comes alive when it is. Compare already shows the other "
            "detectors.",
        )

    @st.fragment
    @faults.told()
    def linked() -> None:
        """A fragment: what is done in the view reruns it, and not the page around it."""
        if following.gone(run.folder):
            return
        samples, version = following.samples_of(run)
        session.current(run)
        live_view(samples, version)
        left, right = st.columns([3, 2], gap="medium")
        with left:
            st.subheader("Gallery")
            gallery(samples, selected(run, session.look()))
        with right:
            st.subheader("Why?")
            inspector(samples)
        session.write_address(run)

    linked()
