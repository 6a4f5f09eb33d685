"""Choice of the run that a page shows, and the labels of runs in lists."""

import re
from collections import Counter
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common import faults, job_progress
from app.common.cached_runs import open_run
from app.common.text import escape_markdown
from app.common.times import format_time
from app.state import session
from heat_core import Experiment, HeatError, Run
from heat_core.jobs.jobs import start
from heat_core.names import printable
from heat_core.runs.creation import new_run
from heat_core.runs.experiment import demo_experiment
from heat_core.runs.manage import damaged_runs, list_runs
from heat_core.storage import heat_home

_TIME_OF_ID = re.compile(r"\d{8}-\d{6}-(?=.)")  # the time with which the id of a new run begins


@st.cache_resource(show_spinner=False)
def _start_demo(home: str) -> str:  # noqa: ARG001 (part of the cache's key)
    """Start the demo and return its id; the cache starts it once, even where several tabs open an empty HEAT_HOME."""
    folder = new_run(demo_experiment())
    start(folder)
    return folder.name


def run_name(run: Run) -> str:
    """Return the name of a run; of one without a name its id, without the time with which that begins."""
    return printable(run.experiment.name or _TIME_OF_ID.sub("", run.id, count=1))


def run_labels(runs: list[Run]) -> dict[str, str]:
    """Return id → label of each run: its name and the date, and the id too where another run has the same label.

    Streamlit tells options apart by their labels, so that equal ones would open the same run.
    """
    labels = {run.id: f"{run_name(run)} · {format_time(run.info.get('created'))}".removesuffix(" · ") for run in runs}
    count = Counter(labels.values())
    return {id: label if count[label] == 1 else f"{label} · {printable(id)}" for id, label in labels.items()}


def run_label(run: Run) -> str:
    """Return the name and the date of a run, for a sentence."""
    return run_labels([run])[run.id]


def pick_run(column: DeltaGenerator | None = None, with_settings: bool = True) -> Run:
    """Draw the choice of the run and return the run that the page shows.

    It is the run that was just picked, the one that the address names, the one that the session showed last, or the
    newest that is finished. On an empty HEAT_HOME the demo is started.

    Args:
        column: column in which the choice is drawn; default: the page.
        with_settings: whether the settings of the run stand below the choice.
    """
    runs = list_runs() or _first_runs()
    names = [r.id for r in runs]
    previous = session.get("run") or session.initial_address().get("run")
    wanted = session.pop("run-picked") or st.query_params.get("run", previous)
    name = wanted if wanted in names else _newest_finished(runs).id
    if wanted and wanted != name:
        why = damaged_runs().get(wanted, f"The run {wanted!r} no longer exists")
        shown = next(run_name(run) for run in runs if run.id == name)
        st.warning(f"{escape_markdown(why.removesuffix('.'))}; {escape_markdown(shown)} is shown.")
    session.set_widget_value("run-choice", name)
    (column or st).selectbox(
        "Run",
        names,
        key="run-choice",
        format_func=run_labels(runs).__getitem__,
        label_visibility="collapsed",
        on_change=lambda: session.set_values(**{"run-picked": session.get("run-choice")}),
    )
    session.set_values(run=name)  # The address gets the run with the view state, so that one step back undoes both.
    try:
        run = open_run(heat_home() / "runs" / name)
        experiment = run.experiment
    except HeatError as error:
        session.write_run_address(name)
        faults.stop(error)
    if with_settings:
        _draw_settings(experiment)
    return run


def _draw_settings(experiment: Experiment) -> None:
    """Draw the backbone, preset, seed and sets of a run in one line."""
    id_set, ood_sets = "/".join(Path(experiment.id).parts[-2:]), ", ".join(experiment.ood)
    settings = f"preset {escape_markdown(experiment.preset)} · seed {escape_markdown(experiment.seed)}"
    sets = f"ID **{escape_markdown(id_set)}** · OOD **{escape_markdown(ood_sets)}**"
    sets += f" · shifted **{escape_markdown(', '.join(experiment.shifted))}**" if experiment.shifted else ""
    st.caption(f"{escape_markdown(experiment.network)} · {settings} · {sets}{parent_phrase(experiment)}")


def parent_phrase(experiment: Experiment) -> str:
    """Return the end of a run's description, in Markdown, that names the run that it follows; "" without one."""
    if not experiment.parent:
        return ""
    try:
        name = run_name(open_run(heat_home() / "runs" / experiment.parent))
    except HeatError:  # it was deleted
        name = experiment.parent
    return f" · follows {escape_markdown(name)}"


def _newest_finished(runs: list[Run]) -> Run:
    """Return the newest finished run with a residual; without one, the newest with a residual or a job; else the first.

    Args:
        runs: runs, newest first.
    """
    return (
        next((run for run in runs if run.status == "done" and _has_residual(run)), None)
        or next((run for run in runs if run.is_active or _has_residual(run)), None)
        or runs[0]
    )


def _has_residual(run: Run) -> bool:
    """Return whether a run has a residual: one that failed before has nothing for the pages."""
    try:
        return run.has_energies and bool(open_run(run.folder).priors)
    except HeatError:  # A file of the run is damaged.
        return False


def _first_runs() -> list[Run]:
    """Start the demo and list it; a HEAT_HOME whose runs are all damaged ends the page with their errors instead."""
    if damaged := damaged_runs():
        faults.stop(" ".join(damaged.values()))
    _start_demo(str(heat_home()))
    if not (runs := list_runs()):  # The demo of an earlier start was deleted.
        _start_demo.clear()
        _start_demo(str(heat_home()))
        runs = list_runs()
    return runs


def pick_ready_run(column: DeltaGenerator | None = None) -> Run:
    """Draw the choice of the run and return the run once it has energies; until then the page shows its job."""
    run = pick_run(column)
    with st.container():  # Without it, all that follows would be drawn twice for a moment when the job ends.
        job_progress.draw_job_progress(run)
    if not run.has_energies:
        job_progress.wait_for_stage(run, "The results appear here when the job has computed the first scores.")
    try:
        run.detectors  # noqa: B018 (reads the arrays, so that a damaged file is found here)
    except HeatError as error:
        session.write_run_address(run.id)
        faults.stop(error)
    return run
