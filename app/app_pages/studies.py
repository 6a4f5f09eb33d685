"""Studies: the place of questions that take many runs; until there are some, what answers them."""

import streamlit as st

from app import faults, following
from app.heading import heading

place = heading("What changes when the setting does?")
with faults.told():
    run = following.chosen_run(place)
    following.name_in_address(run.id)
    st.info(
        "A study is a list of runs that differ in one thing (λ, β, the share of training images, the seed, the "
        "backbone) and one figure over them. There is none yet.",
        icon=":material/science:",
    )
    st.markdown(
        "Until then: **Runs** copies the settings of a run, so that one of them can be changed, and **Compare** puts "
        "several runs into one table, with what β and every subset of the priors change in a single one."
    )
    row = st.container(horizontal=True)
    row.page_link("app_pages/runs.py", label="Copy a run", icon=":material/monitoring:")
    row.page_link("app_pages/compare.py", label="Compare runs", icon=":material/leaderboard:")
