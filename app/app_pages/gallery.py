"""Gallery: the same samples in one row per method (Figs. 5, 8 and 9), filters, sorts, and why."""

import streamlit as st

from app import faults, following, session
from app.gallery_view import gallery
from app.inspector import inspector
from app.live_view import selected
from app.widgets import beta_control

st.title("What is detected, and what is missed?")
with faults.told():
    run = following.ready_run()
    session.current(run)
    if run.priors:
        beta_control()
    samples, _ = following.samples_of(run)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        gallery(samples, selected(run, session.look()))
    with right:
        st.subheader("Why?")
        if run.priors:
            inspector(samples)
        else:
            st.info("The first residual is still being trained.")
    session.write_address(run)
