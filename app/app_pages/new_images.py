"""The New images page: scores new images with a run and shows them in the workbench."""

from pathlib import Path

import streamlit as st

from app.common import faults, job_progress, run_picker, widgets
from app.common.heading import heading
from app.common.text import escape_markdown
from app.new_images import batch_store, batch_view
from app.state import session
from heat_core.analysis.questions import Query
from heat_core.runs.scored_images import ScoredImages

DEFAULT_QUERY = Query(question="unknown", order="unusual")

run_column = heading("What does it say of new images?")
with faults.show_errors():
    run = run_picker.pick_ready_run(run_column)
    if not run.priors:
        job_progress.wait_for_stage(run, "The first residual is still being trained.")

    session.sync_view_state(run)
    batches = batch_store.list_batches(run)
    with st.expander("Bring images", expanded=not batches, icon=":material/add_photo_alternate:"):
        left, right, button = st.columns([5, 4, 2], vertical_alignment="bottom")
        files = left.file_uploader("Drop images", accept_multiple_files=True, type=batch_store.UPLOAD_TYPES)
        folder = right.text_input(
            "Or a folder or list on this machine",
            placeholder="/path/to/images, or list.csv",
            help="Nothing is copied. A list is a CSV or Parquet file with a column `path` (for crops `box`: x, y, w, "
            "h in pixels); its other columns stay with the images.",
        )
        if button.button(
            "Score them", type="primary", icon=":material/play_arrow:", disabled=not (files or folder.strip())
        ):
            batch_store.start_batch(run, files, folder.strip())
            for name in ("batch", "own"):
                session.set_choice(name, None)
            st.rerun()
    session.write_address(run)
    if not batches:
        st.info(
            "The images go through the run's backbone, priors and residuals; then you see which are unknown to the "
            "model, where they lie on the map, and why."
        )
        st.stop()
    names = [b.name for b in batches]
    name = widgets.select_one(
        st.selectbox,
        "Scored",
        names,
        "batch",
        names[0],
        format_func=batch_store.format_batch_name,
        label_visibility="collapsed",
    )
    batch = next(b for b in batches if b.name == name)

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
