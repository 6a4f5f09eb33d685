"""Gallery: the same samples in one row per method (Figs. 5, 8 and 9), filters, sorts, and why."""

import streamlit as st

from app import look as looks
from app import state
from app.gallery import gallery
from app.inspector import inspector
from app.live_view import selected

st.title("What is detected, and what is missed?")
run = state.ready_run()
looks.current(run)
if run.priors:
    state.beta_control()
samples, _ = state.samples_of(run)
left, right = st.columns([3, 2], gap="medium")
with left:
    gallery(samples, selected(run, st.session_state["look"]))
with right:
    st.subheader("Why?")
    if run.priors:
        inspector(samples)
    else:
        st.info("The first residual is still being trained.")
looks.write_address(run)
