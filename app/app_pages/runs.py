"""The Runs page: a table of all runs, the details of one run, and the form of a new one."""

import streamlit as st

from app.common import faults, job_progress, run_picker
from app.common.heading import heading
from app.runs import run_form, run_job, run_list
from app.runs.run_start import LIST, NEW, WANTED
from app.state import session
from heat_core.runs.manage import damaged_runs, list_runs

TITLES = {LIST: "Runs", NEW: "New run"}
VIEWS = {LIST: ":material/list: Runs", NEW: ":material/add: New run"}


def select_view() -> str:
    """Return which view is shown, LIST or NEW, and write it into the address.

    A view that a button requested has precedence. A page that was just opened shows the view that its address names,
    or without one the view that was shown last.
    """
    wanted, previous = session.pop(WANTED), session.get("runs-view")
    if wanted is None and (previous is None or session.get("page-opened")):
        wanted = st.query_params.get("view", LIST if "run" in st.query_params else previous)
    wanted = NEW if (wanted or previous) == NEW else LIST
    session.set_values(**{"runs-view": wanted})
    if wanted == NEW and st.query_params.get("view") != NEW:
        st.query_params["view"] = NEW
    elif wanted == LIST and "view" in st.query_params:
        del st.query_params["view"]
    return wanted


def draw_view_switch(shown: str) -> None:
    """Draw the control that switches between the list and the form."""
    key = f"runs-view-{shown}"  # A key and a default of its own: a set value may be lost to a quick second click.
    st.segmented_control(
        "Show",
        list(VIEWS),
        format_func=VIEWS.__getitem__,
        default=shown,
        key=key,
        required=True,
        on_change=lambda: session.set_values(**{WANTED: session.get(key)}),
        label_visibility="collapsed",
    )


shown = select_view()
run_column = heading(TITLES[shown])
draw_view_switch(shown)
with faults.show_errors():
    if damaged_runs() and not list_runs():
        for sentence in damaged_runs().values():
            faults.show(sentence)
        shown = NEW
    else:
        run = run_picker.pick_run(run_column, with_settings=False)  # The head of the run has them.
        session.write_run_address(run.id)
    if shown == NEW:
        run_form.draw()
    else:
        run_list.draw_table(run)
        run_job.draw_head(run)
        run_job.draw_buttons(run)
        job_progress.draw_job_progress(run)
        run_job.draw_details(run)
