"""View of one study: its status, its job, and its results so far."""

import streamlit as st

from app.common import cached_runs, downloads, faults
from app.common.text import escape_markdown
from app.compare.sample_links import links_to_missed
from app.compare.table_view import GROUND
from app.runs.run_job import COLOURS
from app.studies.study_form import study_plan
from heat_core import HeatError
from heat_core.jobs import jobs
from heat_core.reporting.tables import to_html
from heat_core.runs.events import read_events
from heat_core.runs.lock import is_active, is_alive
from heat_core.studies import page
from heat_core.studies.catalogue import study_of
from heat_core.studies.execution import current_results
from heat_core.studies.request import MEASUREMENTS_FILE, StudyFolder
from heat_core.studies.results import TITLES, Curves, Result
from heat_core.workbench.view_state import ViewState

_NARROW = 4  # number of columns up to which tables are drawn side by side


def draw(study: StudyFolder) -> None:
    """Draw the status, the buttons and the results of a study."""
    folders = tuple(str(planned.folder) for planned in study_plan(study.request) if planned.run)
    status = _study_status(study)
    st.divider()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(escape_markdown(study_of(study.request.study).title), anchor=False, width="content")
        st.badge(escape_markdown(status), color=COLOURS.get(status, "orange"))  # type: ignore[arg-type]
        _draw_buttons(study, status)
    if status == "failed":
        faults.show(study.info.get("error") or "A run of this study failed.")
    if is_active(study.folder):
        _draw_progress(study, len(folders), status)
    if not folders:
        st.caption("The table or figure appears when the first run is finished.")
        return
    version = cached_runs.version_of(study.folder / MEASUREMENTS_FILE)
    written = _cached_results(study.id, folders, version, study)
    _draw_downloads(written)
    for i, result in enumerate(written.results):
        _draw_result(written, result, f"{study.id}-{i}")


def _study_status(study: StudyFolder) -> str:
    """Return the status: queued, running, done, failed, cancelled, or interrupted where its process has died."""
    status = str(study.info["status"])
    if status == "done" or (status == "running" and is_alive(study.folder)):
        return status
    if is_active(study.folder):
        return "queued"
    return "interrupted" if status == "running" else status


def _draw_buttons(study: StudyFolder, status: str) -> None:
    if is_active(study.folder):
        st.button("Cancel", icon=":material/stop_circle:", on_click=_cancel, args=(study,))
    elif status != "done":
        st.button("Resume", type="primary", icon=":material/play_arrow:", on_click=_resume, args=(study,))


def _cancel(study: StudyFolder) -> None:
    try:
        if not jobs.cancel(study, patience=5.0):
            st.toast(
                "The study was asked to stop, and does when it has finished its step.", icon=":material/hourglass:"
            )
    except HeatError as error:
        faults.toast(error)


def _resume(study: StudyFolder) -> None:
    try:
        jobs.start_study(study.folder)
    except HeatError as error:
        faults.toast(error)


@st.fragment(run_every=1.0)
@faults.show_errors()
def _draw_progress(study: StudyFolder, done_before: int, status_before: str) -> None:
    """Draw the progress of the job every second; rerun the whole page when a run is done or the job ends."""
    now = StudyFolder(study.folder)
    events = [e for e in read_events(study.folder) if e["time"] >= now.info.get("started", 0.0)]
    with_total = [e for e in events if e.get("total")]
    last = with_total[-1] if with_total else None
    if (
        _study_status(now) != status_before
        or sum(planned.run is not None for planned in study_plan(now.request)) != done_before
    ):
        st.rerun()
    share = last["done"] / last["total"] if last else 0.0
    st.progress(share, text=escape_markdown(last["message"]) if last else "Starting (loading torch)…")


@st.cache_resource(show_spinner="Measuring…", max_entries=4)
def _cached_results(
    study_id: str,  # noqa: ARG001 (these three are the cache's key)
    folders: tuple[str, ...],  # noqa: ARG001
    version: cached_runs.Version,  # noqa: ARG001
    _study: StudyFolder,
) -> page.StudyReport:
    """Compute the results, which all sessions share until another run is done."""
    return page.StudyReport(_study.request, *current_results(_study))


def _draw_downloads(written: page.StudyReport) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "HTML report",
            lambda: page.to_html(written).encode(),
            f"{written.request.study}.html",
            "text/html",
            icon=":material/description:",
            help="All tables and figures in one page that opens without internet.",
        )
        st.download_button(
            "Markdown",
            lambda: page.to_markdown(written).encode(),
            f"{written.request.study}.md",
            "text/markdown",
            icon=":material/download:",
        )
    with st.expander("Command"):
        st.code(page.command_of(written.request), language="bash", wrap_lines=True)
    if written.legend:
        st.caption(escape_markdown(written.legend))


def _draw_result(written: page.StudyReport, result: Result, key: str) -> None:
    st.subheader(escape_markdown(result.title), anchor=False)
    for answer in result.answers:
        st.markdown(f"- {escape_markdown(answer)}")
    runs = [run for _, of in written.finished.runs for run in of]
    narrow = result.tables and max(len(table.columns) for table in result.tables) <= _NARROW
    places = st.columns(len(result.tables)) if narrow else [st.container() for _ in result.tables]
    for place, table in zip(places, result.tables, strict=True):
        first = next((run for run in runs if run.id == table.sources[0].run), runs[0])
        others = [run for run in runs if run.id != first.id]
        place.caption(escape_markdown(TITLES.get(table.metric, "")))
        link = links_to_missed([first, *others], ViewState()) if table.metric in TITLES else None
        place.html(GROUND + to_html(table, link=link))
    for place, curves in zip(st.columns(max(len(result.curves), 1)), result.curves, strict=False):
        with place:
            _draw_curves(curves, f"{key}-{curves.title}-{curves.metric}")


def _draw_curves(curves: Curves, key: str) -> None:
    st.caption(escape_markdown(curves.title))
    downloads.draw_chart(page.figure_of(curves), key, f"{curves.title}-{curves.metric}")
