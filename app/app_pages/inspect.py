"""The Inspect page: the workbench over the samples of a run."""

import streamlit as st

from app.common import cached_runs, faults, job_progress, run_picker
from app.common.heading import heading
from app.state import session
from app.workbench import findings_job
from app.workbench.inspect_view import draw_workbench
from heat_core.analysis.questions import Query
from heat_core.findings.training_images import TRAINING

DEFAULT_QUERIES = {"": Query(), TRAINING: Query(question="unknown", order="unusual")}

run_column = heading("Which images does this model not know?")
with faults.show_errors():
    row = run_column.container(horizontal=True, vertical_alignment="bottom")
    run = run_picker.pick_ready_run(row)
    if not run.priors:
        job_progress.wait_for_stage(
            run,
            "The first residual is being trained: the workbench opens when it is. Compare already shows the other "
            "detectors.",
        )
    session.sync_view_state(run)
    kind = findings_job.choose_images(run, row)

    @st.fragment
    @faults.show_errors()
    def draw_linked_workbench() -> None:
        """Draw the workbench as a fragment, so that an action in it does not rerun the page around it."""
        if job_progress.show_if_deleted(run.folder):
            return
        samples, version = cached_runs.samples_of(run, kind)
        session.sync_view_state(run)
        session.set_query_scope(f"{run.id}/{kind}" if kind else run.id, DEFAULT_QUERIES[kind])
        draw_workbench(samples, version, kind)
        session.write_address(run)

    draw_linked_workbench()
