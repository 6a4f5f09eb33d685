"""Review of the decisions on a run's images, and the step to the run that follows from them."""

from typing import Any

import streamlit as st

from app.common import faults
from app.common.text import escape_markdown
from app.common.times import format_time
from app.state import session
from app.workbench import run_from_samples
from app.workbench.labels_upload import draw_labels_upload
from heat_core import HeatError, Run
from heat_core.analysis.samples import Samples
from heat_core.decisions.export import export_rows, to_csv, to_json
from heat_core.decisions.store import Decision, images_in_force, read_decisions, undo_decision

REVIEW, RUN_AGAIN = "review-decisions", "run-again"  # what the workbench asks for
_REQUEST = "decisions-request"


def request(what: str) -> None:
    """Remember what the workbench asked for: a callback can neither open a dialog nor another page.

    Args:
        what: REVIEW or RUN_AGAIN.
    """
    session.set_values(**{_REQUEST: what})


def show_requested(samples: Samples) -> None:
    """Open the review, or the form of the run that follows, where it was asked for.

    Args:
        samples: samples that the workbench shows.
    """
    what = session.pop(_REQUEST)
    if what == REVIEW:
        _open_review(samples)
    elif what == RUN_AGAIN:
        _run_again(samples.run)


def _run_again(run: Run) -> None:
    try:
        with st.spinner("Listing the images of the next run…"):
            run_from_samples.fill_form_with_decisions(run)
    except HeatError as error:
        faults.toast(error)
        return
    run_from_samples.open_filled_form()


@st.dialog("Decisions", width="large")
def _open_review(samples: Samples) -> None:
    """Draw every decision with its author, time and number of images, and what can be done with them."""
    run = samples.run
    with faults.show_errors():
        decisions = read_decisions(run.folder)
        counts = images_in_force(decisions)
        for decision in reversed(decisions):
            _draw_decision(run, decision, len(counts.get(decision.id, ())))
        if decisions:
            st.caption("A later decision on an image replaces the earlier one. Undone decisions stay in the list.")
            _draw_actions(run, decisions, any(counts.values()))
        else:
            st.info("There is no decision yet: select images in Inspect, and decide on them.")
        draw_labels_upload(samples)


def _draw_decision(run: Run, decision: Decision, count: int) -> None:
    text, undo = st.columns([5, 1], vertical_alignment="center")
    title = escape_markdown(decision.title)
    replaced = len(decision.samples) - count
    details = [f"{len(decision.samples):,} images", escape_markdown(decision.author), _when(decision.time)]
    if decision.batch:
        details.append("new images")
    if decision.is_undone:
        details.append(f"undone by {escape_markdown(decision.undone_by)}, {_when(decision.undone_time)}")
    elif replaced:
        details.append(f"{replaced:,} of them decided anew later")
    head = f"~~{title}~~" if decision.is_undone else f"**{title}**"
    text.markdown(f"{head}  \n:small[:gray[{' · '.join(filter(None, details))}]]")
    if not decision.is_undone and undo.button("Undo", key=f"undo-decision-{decision.id}"):
        undo_decision(run.folder, decision.id)
        request(REVIEW)  # the whole page runs again, so that the workbench counts without it, and the review stays
        st.rerun()


def _when(seconds: float) -> str:
    return escape_markdown(format_time(seconds))


def _draw_actions(run: Run, decisions: list[Decision], some_hold: bool) -> None:
    """Draw the button that leads to the next run, and the downloads."""
    row: Any = st.container(horizontal=True)
    if row.button("Run again with these decisions", type="primary", icon=":material/replay:", disabled=not some_hold):
        request(RUN_AGAIN)
        st.rerun()
    for title, kind, write in (("CSV", "csv", to_csv), ("JSON", "json", to_json)):
        name = f"{run.id}-decisions.{kind}"
        content = write(export_rows(run, decisions)).encode(errors="backslashreplace")
        row.download_button(escape_markdown(title), content, name, icon=":material/download:", key=f"decisions-{kind}")
