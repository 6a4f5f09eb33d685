"""The New images page: scores new images with a run and shows them in the workbench."""

from pathlib import Path

import streamlit as st

from app.common import faults, job_progress, run_picker, widgets
from app.common.heading import heading
from app.common.text import escape_markdown
from app.new_images import batch_form, batch_store, batch_view
from app.state import session
from heat_core.analysis.questions import Query
from heat_core.runs.scored_images import ScoredImages

DEFAULT_QUERY = Query(question="unknown", order="unusual")

run_column = heading("New images")
with faults.show_errors():
    run = run_picker.pick_ready_run(run_column)
    if not run.priors:
        job_progress.wait_for_stage(run, "The first residual is still being trained.")

    session.sync_view_state(run)
    batches = batch_store.list_batches(run)
    with st.expander("Add images", expanded=not batches, icon=":material/add_photo_alternate:"):
        batch_form.draw_form(run)
    session.write_address(run)
    if not batches:
        st.info(
            "Add images to score them with this run: the page then shows which of them are unknown to the model, where "
            "they lie on the feature map, and why."
        )
        st.stop()
    names = [b.name for b in batches]
    labels = batch_store.batch_labels(batches)
    row = st.container(horizontal=True, vertical_alignment="bottom")
    name = widgets.select_one(
        row.selectbox,
        "Batch",
        names,
        "batch",
        names[0],
        format_func=labels.__getitem__,
        label_visibility="collapsed",
    )
    batch = next(b for b in batches if b.name == name)
    batch_form.draw_rename(batch, row)

    @st.fragment(run_every=1.0)
    @faults.show_errors()
    def poll_batch(batch: Path) -> None:
        """Show the progress of the scoring process; rerun the page when it ends."""
        if job_progress.show_if_deleted(batch.parents[1]):
            return
        if batch_store.is_scoring(batch):
            st.progress(0.0, text=escape_markdown(batch_store.read_progress(batch)))
        else:
            st.rerun()

    @st.fragment
    @faults.show_errors()
    def draw_linked_batch(scored: ScoredImages) -> None:
        """Draw the batch as a fragment, so that an action in the workbench does not rerun the page around it."""
        session.sync_view_state(run)
        session.set_query_scope(f"{run.id}/{name}", DEFAULT_QUERY)
        batch_view.draw_batch(run, name, scored)
        session.write_address(run)

    if batch_store.is_scoring(batch):
        poll_batch(batch)
    elif scored := batch_store.load_scores(batch):
        draw_linked_batch(scored)
    else:
        faults.show(batch_store.read_progress(batch))
