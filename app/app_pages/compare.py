"""The Compare page: tables, score plots, β, and two runs on the same samples, with links from numbers to images."""

import streamlit as st

from app.common import cached_runs, faults, run_picker, widgets
from app.common.heading import heading
from app.common.text import escape_markdown
from app.compare import heat_cards
from app.compare.before_after_section import draw_before_after
from app.compare.beta_section import draw_beta_section
from app.compare.paired_runs import draw_paired_runs
from app.compare.score_plots import draw_score_plots
from app.compare.table_view import draw_table_view
from app.state import session

SECTIONS = {"before": "Before and after", "table": "Table", "curves": "Curves", "beta": "β", "versus": "Two runs"}
DRAW_SECTION = {
    "before": draw_before_after,
    "table": draw_table_view,
    "curves": draw_score_plots,
    "beta": draw_beta_section,
    "versus": draw_paired_runs,
}

run_column = heading("Compare")
with faults.show_errors():
    run = run_picker.pick_ready_run(run_column)
    view = session.sync_view_state(run)
    if run.priors:
        widgets.beta_control()
        with st.container(horizontal=True, vertical_alignment="center"):
            widgets.prior_control(run)
            widgets.beta_suggestion(run)
        heat_cards.draw_heat_cards(cached_runs.samples_of(run)[0], session.view_state())
    else:
        st.info("The residuals are not trained yet: below are the detectors that need none.")
    sections = [name for name in SECTIONS if name != "before" or run.experiment.parent]
    section = widgets.select_one(
        st.segmented_control,
        "Section",
        sections,
        "section",
        sections[0],
        format_func=lambda s: escape_markdown(SECTIONS[s]),
        label_visibility="collapsed",
    )
    session.write_address(run)  # The address is written before the slow part, so that it can be copied at once.
    DRAW_SECTION[section](run)
