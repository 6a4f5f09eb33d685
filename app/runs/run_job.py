"""Job of a run: its status and results, the buttons that control it, its events and its log."""

import streamlit as st

from app.common import faults, job_progress, run_picker
from app.common.run_picker import run_label, run_name
from app.common.text import escape_markdown
from app.common.times import finite_or_none, format_duration, format_time
from app.runs import run_form, run_list
from app.runs.training_curves import draw_training_curves
from app.state import session
from heat_core import HeatError, Run
from heat_core.jobs import jobs
from heat_core.names import printable

# The colour of each status on its badge; other statuses are orange.
COLOURS = {"done": "green", "running": "blue", "queued": "blue", "failed": "red"}
_LOG_CHARACTERS = 4000  # characters from the end of a log that are shown


def draw_head(run: Run) -> None:
    """Draw the name, status, date, results, backbone, sets and seed of a run."""
    e, status = run.experiment, run.status
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(escape_markdown(run_name(run)), anchor=False, width="content")
        st.badge(escape_markdown(status), color=COLOURS.get(status, "orange"))  # type: ignore[arg-type]
    auroc, fpr95 = run_list.mean_metrics(run)
    if auroc is not None:
        st.markdown(f"AUROC **{auroc:.1f} %** · FPR95 **{fpr95:.1f} %** (HEAT, mean over the OOD sets)")
    seconds = finite_or_none(run.info.get("seconds"))
    took = f" · took {escape_markdown(format_duration(seconds))}" if seconds and status == "done" else ""
    shifted = f" · shifted {escape_markdown(', '.join(e.shifted))}" if e.shifted else ""
    st.caption(
        f"{escape_markdown(format_time(run.info.get('created')))}{took} · {escape_markdown(run.id)}  \n"
        f"{escape_markdown(e.network)} · known {escape_markdown(run_list.short_source(e.id))} · unknown "
        f"{escape_markdown(', '.join(e.ood))}{shifted} · seed {escape_markdown(e.seed)}{run_picker.parent_phrase(e)}"
    )


def draw_buttons(run: Run) -> None:
    """Draw the buttons for what can be done with the run in its present state.

    Those that change the run act in a callback, before the page is drawn, so that the page shows the new state.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        if run.has_energies and run_list.mean_metrics(run)[0] is not None:
            finished = run.status == "done"
            if st.button("Inspect", type="primary" if finished else "secondary", icon=":material/search:"):
                st.switch_page("app_pages/inspect.py", query_params={"run": run.id})
            if run.experiment.parent and st.button("Compare with its parent", icon=":material/compare_arrows:"):
                st.switch_page("app_pages/compare.py", query_params={"run": run.id})
        if run.is_active:
            st.button("Cancel", icon=":material/stop_circle:", on_click=_cancel, args=(run,))
        elif run.status != "done":
            fresh = run.status == "queued"
            label = "Start" if fresh else "Resume"
            st.button(label, type="primary", icon=":material/play_arrow:", on_click=_start, args=(run,))
        elif run.has_energies and not run.has_map:
            st.button("Make the map", icon=":material/scatter_plot:", on_click=_make_map, args=(run,))
        if run.has_energies:
            _draw_report_button(run)
        st.button(
            "Duplicate",
            icon=":material/content_copy:",
            on_click=lambda: run_form.prefill(run.experiment, f"The settings of {run_label(run)}."),
            help="Opens the form of a new run with all settings of this one, to change some of them.",
        )
        run_list.draw_rename_and_delete(run)


def _cancel(run: Run) -> None:
    try:
        if not jobs.cancel(run, patience=5.0):
            st.toast("The job was asked to stop, and does when it has finished its step.", icon=":material/hourglass:")
    except HeatError as error:
        faults.toast(error)


def _start(run: Run) -> None:
    try:
        jobs.start(run.folder)
    except HeatError as error:
        faults.toast(error)


def _make_map(run: Run) -> None:
    try:
        jobs.start_map(run)
    except HeatError as error:
        faults.toast(error)


def _draw_report_button(run: Run) -> None:
    """Draw the button that downloads the report at this session's lens; the report is made when it is pressed."""
    lens = session.lens_for(run)

    def make_report() -> bytes:
        from heat_core.reporting.report import to_html  # Imported here because plotly takes long to import.

        return to_html(run, lens).encode()

    st.download_button(
        "HTML report",
        make_report,
        f"{run.id}.html",
        "text/html",
        icon=":material/description:",
        help="Tables, figures and galleries in one page that opens without internet.",
    )


def draw_details(run: Run) -> None:
    """Draw the stages, training curves and events of a job, its log where it did not finish, and the run as code."""
    if not run.is_active:
        st.caption(job_progress.format_stages(run))
    draw_training_curves(run)
    events = run.events()
    notes = [e["message"] for e in events if e["stage"] in ("start", "priors") or "skipped" in e or e.get("diverged")]
    if notes:
        with st.expander("Events"):
            st.markdown("\n".join(f"- {escape_markdown(n)}" for n in notes))
    log = _end_of_log(run) if run.status not in ("done", "running") else ""
    if log:
        with st.expander("Log"):
            st.code(log, language=None, wrap_lines=True)
    with st.expander("Command / Python"):
        st.code(run.experiment.to_command(), language="bash", wrap_lines=True)
        st.code(run.experiment.to_python(), language="python")


def _end_of_log(run: Run) -> str:
    """Return the end of the job's log; "" where it cannot be read."""
    try:
        text = (run.folder / jobs.JOB_LOG).read_text(encoding="utf-8", errors="replace")[-_LOG_CHARACTERS:]
    except OSError:
        return ""
    return "\n".join(printable(line) for line in text.splitlines())
