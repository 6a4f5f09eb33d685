"""Live: β, threshold, histogram, map, gallery and inspector, linked: what one moves, the others answer."""

import streamlit as st

from app import look as looks
from app import state
from app.gallery import gallery
from app.inspector import inspector
from app.live_view import live_view, selected

st.title("Which images does this model not know?")
run = state.ready_run()
if not run.priors:
    state.wait(run, "The first residual is being trained: the view comes alive when it is. Compare already shows the other detectors.")  # fmt: skip


@st.fragment
def linked() -> None:
    """A fragment: what is done in the view reruns it, and not the page around it."""
    if state.gone(run.folder):
        return
    samples, version = state.samples_of(run)
    looks.current(run)
    live_view(samples, version)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.subheader("Gallery")
        gallery(samples, selected(run, st.session_state["look"]))
    with right:
        st.subheader("Why?")
        inspector(samples)
    looks.write_address(run)


linked()
