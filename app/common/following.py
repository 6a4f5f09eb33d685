"""Choosing a run, opening it, and waiting for it while its job works."""

from pathlib import Path
from typing import NoReturn

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common import faults, waiting
from app.common.text import plain
from app.state import session
from heat_core import HeatError, Run
from heat_core.analysis.likeness import Likeness
from heat_core.analysis.samples import Samples
from heat_core.jobs.jobs import start
from heat_core.runs.creation import new_run
from heat_core.runs.events import RUN_FILE, Event
from heat_core.runs.experiment import demo_experiment
from heat_core.runs.feature_map import MAP_FILE
from heat_core.runs.listing import damaged_runs, list_runs
from heat_core.runs.record import ENERGIES
from heat_core.runs.run import ALIVE
from heat_core.storage import heat_home, printable

Version = tuple[int, ...]  # of files: changes when one of them does
Stage = tuple[str, bool, bool, bool, int, int]


@st.cache_resource(show_spinner=False)
def _demo_once(home: str) -> str:  # noqa: ARG001 (part of the cache's key)
    """Start the demo, once however many browser tabs open an empty HEAT_HOME at the same time."""
    folder = new_run(demo_experiment())
    start(folder)
    return folder.name


@st.cache_resource(show_spinner=False, max_entries=4)
def _opened(folder: str, version: Version) -> Run:  # noqa: ARG001 (part of the cache's key)
    """A run with its arrays, shared read-only by all sessions until a file of it changes."""
    return Run.open(folder)


def open_run(folder: Path) -> Run:
    """Open a run, or the one that is open already."""
    return _opened(str(folder), _version(folder, RUN_FILE, ENERGIES, MAP_FILE))


def _version(folder: Path, *names: str) -> Version:
    return version_of(*(folder / name for name in names))


def version_of(*files: Path) -> Version:
    """Another one whenever one of the files is written, made or deleted."""
    return tuple(f.stat().st_mtime_ns if f.exists() else 0 for f in files)


@st.cache_resource(show_spinner=False, max_entries=4)
def _samples(folder: str, version: Version, _run: Run) -> Samples:  # noqa: ARG001
    return Samples(_run)


def samples_of(run: Run) -> tuple[Samples, Version]:
    """A run's samples, shared read-only by all sessions, and the version of the numbers that they were made from."""
    version = _version(run.folder, ENERGIES, MAP_FILE)
    return _samples(str(run.folder), version, run), version


@st.cache_resource(show_spinner=False, max_entries=2)
def _likeness(folder: str, version: Version, _run: Run) -> Likeness:  # noqa: ARG001
    return Likeness(_run)


def likeness_of(run: Run) -> Likeness:
    """What answers which images of a run are alike, shared by all sessions."""
    return _likeness(str(run.folder), _version(run.folder, ENERGIES), run)


def gone(folder: Path) -> bool:
    """Whether the run was deleted under an open page; then a sentence says so."""
    if (folder / RUN_FILE).exists():
        return False
    st.error("This run was deleted: choose another one above.", icon=":material/error:")
    return True


def chosen_run(place: DeltaGenerator | None = None) -> Run:
    """The run that the page shows: picked in `place`, named in the address, or the newest. Starts the demo on an empty
    HEAT_HOME.
    """
    names = [r.id for r in list_runs() or _first_runs()]
    before = session.held("run") or session.arrived().get("run")
    asked = session.taken("run-picked") or st.query_params.get("run", before)
    if asked and asked not in names:
        why = damaged_runs().get(asked, f"The run {asked!r} no longer exists")
        st.warning(f"{plain(why.removesuffix('.'))}; the newest one is shown.")
    name = asked if asked in names else names[0]
    session.put("run-choice", name)
    (place or st).selectbox(
        "Run",
        names,
        key="run-choice",
        format_func=printable,
        label_visibility="collapsed",
        on_change=lambda: session.hold(**{"run-picked": session.held("run-choice")}),
    )
    session.hold(run=name)  # in the address it stands with the look, so that one step back undoes both
    try:
        run = open_run(heat_home() / "runs" / name)
        experiment = run.experiment
    except HeatError as error:
        name_in_address(name)
        faults.stop(error)
    known, unknown = "/".join(Path(experiment.id).parts[-2:]), ", ".join(experiment.ood)
    st.caption(
        f"{plain(experiment.network)} · preset {plain(experiment.preset)} · seed {plain(experiment.seed)} · "
        f"ID **{plain(known)}** · OOD **{plain(unknown)}**"
    )
    return run


def _first_runs() -> list[Run]:
    """The demo, where there is nothing yet; a HEAT_HOME whose runs are all damaged is not empty."""
    if damaged := damaged_runs():
        faults.stop(" ".join(damaged.values()))
    _demo_once(str(heat_home()))
    if not (runs := list_runs()):  # its run was deleted: once more
        _demo_once.clear()
        _demo_once(str(heat_home()))
        runs = list_runs()
    return runs


def name_in_address(run_id: str) -> None:
    """For pages without a look."""
    if st.query_params.get("run") != run_id:
        st.query_params["run"] = run_id


def ready_run(place: DeltaGenerator | None = None) -> Run:
    """The run chosen in `place`, once it has numbers; until then the page shows the job's progress."""
    run = chosen_run(place)
    with st.container():  # keeps its place when the job ends: what comes after would be drawn anew, twice for a moment
        follow(run)
    if not run.has_energies:
        wait(run, "This page fills as soon as its stage is finished.")
    try:
        run.detectors  # noqa: B018 (reads the arrays: a damaged file must show here)
    except HeatError as error:
        name_in_address(run.id)
        faults.stop(error)
    return run


def wait(run: Run, sentence: str) -> NoReturn:
    """Say what the page waits for, show what goes in, and stop here."""
    name_in_address(run.id)
    if run.status not in ALIVE:
        st.info("This run has not reached this stage: resume it on the Runs page.")
        st.stop()
    st.info(plain(sentence))
    waiting.images(run.experiment)
    st.stop()


def follow(run: Run) -> None:
    """Progress of a job that is running, and a sentence for one that ended badly."""
    status = run.status
    if status in ALIVE or run.worked_on:
        _progress(str(run.folder), _stage(run))
    elif status == "failed":
        faults.show(run.info.get("error") or "This run failed.")
    elif status in ("interrupted", "cancelled"):
        st.warning(f"This run was {plain(status)}; what was finished is shown. Resume it on the Runs page.")


def _stage(run: Run) -> Stage:
    """How far a run is, and whether somebody works on it: changes when a page has something else to show."""
    trained, rows = (len(run.priors), len(run.record.titles)) if run.has_energies else (0, 0)
    return run.status, run.worked_on, run.has_energies, run.has_map, trained, rows


def _said_now(run: Run) -> list[Event]:
    """What the process that works on the run reported; one that was resumed, or gets a map later, has heard others."""
    if run.status == "done":
        events = run.events()
        ended = max((i for i, event in enumerate(events) if event["stage"] == "done"), default=-1)
        return events[ended + 1 :]
    begun = run.info.get("started", 0.0)
    if run.status != "running" or not isinstance(begun, int | float):
        return []
    return [event for event in run.events() if event["time"] >= begun]


@st.fragment(run_every=1.0)
@faults.told()
def _progress(folder: str, before: Stage) -> None:
    """Poll the job; rerun the whole page when it takes up its work, finishes a stage, or ends."""
    if gone(Path(folder)):
        return
    run = open_run(Path(folder))
    if _stage(run) != before:
        st.rerun()
    if not run.worked_on:
        st.warning("This run waits, and no job works on it: start it on the Runs page.")
        return
    events = _said_now(run)
    last: Event = events[-1] if events else {"stage": "queued", "message": "Starting (loading torch)…"}
    done, of = last.get("done", last.get("epoch", 0)), last.get("total", last.get("epochs", 0))
    share = done / of if 0 <= done <= of and of else 0.0
    extra = f" · {last['images_per_s']:.0f} images/s" if "images_per_s" in last else ""
    extra += f" · {last['eta']:.0f} s left" if last.get("eta") else ""
    st.progress(share, text=f"**{plain(last['stage'].capitalize())}** · {plain(last['message'])}{extra}")
    st.caption(waiting.stages(run))
