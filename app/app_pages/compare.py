"""Compare: detectors × OOD sets, curves, β, and two runs on the same samples; every number leads to its images."""

import streamlit as st

from app.common import faults, following, widgets
from app.common.heading import heading
from app.common.text import plain
from app.compare import cards
from app.compare.curves import beta_section, curves
from app.compare.paired_runs import versus
from app.compare.table_view import table_view
from app.state import session

SECTIONS = {"table": "Table", "curves": "Curves", "beta": "β", "versus": "Two runs"}
DRAWN = {"table": table_view, "curves": curves, "beta": beta_section, "versus": versus}

place = heading("Which detector for these images?")
with faults.told():
    run = following.ready_run(place)
    look = session.current(run)
    if run.priors:
        widgets.beta_control()
        with st.container(horizontal=True, vertical_alignment="center"):
            widgets.prior_control(run)
            widgets.beta_suggestion(run)
        cards.of_heat(following.samples_of(run)[0], session.look())
    else:
        st.info("The residuals are still to come: below are the detectors that need none.")
    section = widgets.choice(
        st.segmented_control,
        "Section",
        list(SECTIONS),
        "section",
        "table",
        format_func=lambda s: plain(SECTIONS[s]),
        label_visibility="collapsed",
    )
    session.write_address(run)  # before what takes long: a link must not wait for it
    DRAWN[section](run)
