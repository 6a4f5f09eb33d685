"""One study: its state, its job, and what it shows so far; the figures fill as runs end."""

import streamlit as st

from app.common import downloads, faults, following
from app.common.text import plain
from app.compare.links import to_missed
from app.compare.table_view import GROUND
from app.runs.run_job import COLOURS
from app.state.look import Look
from app.studies.study_form import planned_of
from heat_core import HeatError
from heat_core.jobs import jobs
from heat_core.reporting import figures
from heat_core.reporting.tables import to_html
from heat_core.runs.events import read_events
from heat_core.runs.lock import is_alive, is_worked_on
from heat_core.studies import page
from heat_core.studies.catalogue import study_of
from heat_core.studies.request import MEASURED, StudyFolder
from heat_core.studies.results import TITLES, Curves, Result
from heat_core.studies.work import shown

_NARROW = 4  # columns of a table that has room beside another


def draw(study: StudyFolder) -> None:
    """Its state, buttons, and results."""
    folders = tuple(str(one.folder) for one in planned_of(study.request) if one.run)
    status = _status(study)
    st.divider()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(plain(study_of(study.request.study).title), anchor=False, width="content")
        st.badge(plain(status), color=COLOURS.get(status, "orange"))  # type: ignore[arg-type]
        _buttons(study, status)
    if status == "failed":
        faults.show(study.info.get("error") or "A run of this study failed.")
    if is_worked_on(study.folder):
        _progress(study, len(folders), status)
    if not folders:
        st.caption("Its table or figure begins with the first run that is done.")
        return
    version = following.version_of(study.folder / MEASURED)
    written = _written(study.id, folders, version, study)
    _take_along(written)
    for i, result in enumerate(written.results):
        _result(written, result, f"{study.id}-{i}")


def _status(study: StudyFolder) -> str:
    """As a run's: queued, running, done, failed, cancelled; interrupted where its process is gone without a word."""
    status = str(study.info["status"])
    if status == "done" or (status == "running" and is_alive(study.folder)):
        return status
    if is_worked_on(study.folder):
        return "queued"
    return "interrupted" if status == "running" else status


def _buttons(study: StudyFolder, status: str) -> None:
    if is_worked_on(study.folder):
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
@faults.told()
def _progress(study: StudyFolder, done_before: int, status_before: str) -> None:
    """Poll the job; draw the whole page again when a run is done, or it ends."""
    now = StudyFolder(study.folder)
    events = [e for e in read_events(study.folder) if e["time"] >= now.info.get("started", 0.0)]
    told = [e for e in events if e.get("total")]
    last = told[-1] if told else None
    if _status(now) != status_before or sum(one.run is not None for one in planned_of(now.request)) != done_before:
        st.rerun()
    share = last["done"] / last["total"] if last else 0.0
    st.progress(share, text=plain(last["message"]) if last else "Starting (loading torch)…")


@st.cache_resource(show_spinner="Measuring…", max_entries=4)
def _written(study_id: str, folders: tuple[str, ...], version: following.Version, _study: StudyFolder) -> page.Written:  # noqa: ARG001
    """The results, shared by all sessions until another run is done."""
    return page.Written(_study.request, *shown(_study))


def _take_along(written: page.Written) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Page",
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
    with st.expander("The same from a terminal"):
        st.code(page.command_of(written.request), language="bash", wrap_lines=True)
    st.caption(page.LEGEND)


def _result(written: page.Written, result: Result, key: str) -> None:
    st.subheader(plain(result.title), anchor=False)
    for answer in result.answers:
        st.markdown(f"- {plain(answer)}")
    runs = [run for _, of in written.finished.runs for run in of]
    narrow = result.tables and max(len(table.columns) for table in result.tables) <= _NARROW
    places = st.columns(len(result.tables)) if narrow else [st.container() for _ in result.tables]
    for place, table in zip(places, result.tables, strict=True):
        first = next((run for run in runs if run.id == table.sources[0].run), runs[0])
        others = [run for run in runs if run.id != first.id]
        place.caption(plain(TITLES.get(table.metric, "")))
        link = to_missed([first, *others], Look()) if table.metric in TITLES else None
        place.html(GROUND + to_html(table, link=link))
    for place, curves in zip(st.columns(max(len(result.curves), 1)), result.curves, strict=False):
        with place:
            _drawn(curves, f"{key}-{curves.title}-{curves.metric}")


def _drawn(curves: Curves, key: str) -> None:
    st.caption(plain(curves.title))
    figure = figures.bands(curves.x, curves.x_title, TITLES[curves.metric], page.lines_of(curves), curves.levels)
    downloads.chart(figure, key, f"{curves.title}-{curves.metric}")
