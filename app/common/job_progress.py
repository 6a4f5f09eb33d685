"""The progress of a run's job: its stages, and what a page shows until the stage that it needs is finished."""

from pathlib import Path
from typing import NoReturn

import streamlit as st

from app.common import example_images, faults
from app.common.cached_runs import open_run
from app.common.text import escape_markdown
from app.state import session
from heat_core import Run
from heat_core.runs.events import RUN_FILE, Event
from heat_core.runs.run import ACTIVE

Stage = tuple[str, bool, bool, bool, int, int]
_DONE, _BUSY, _TO_COME = ":material/check_circle:", ":material/pending:", ":material/radio_button_unchecked:"


def format_stages(run: Run) -> str:
    """The stages of a job in a line, those that are finished ticked; the map is made beside the residuals."""
    trained, wanted = len(run.priors) if run.has_energies else 0, len(run.experiment.priors)
    features = run.has_energies or any(e["stage"] == "priors" for e in run.events())
    steps = {
        "features": (features, True),
        "priors and detectors": (run.has_energies, features),
        f"residuals ({trained} of {wanted})": (trained == wanted, run.has_energies),
    }
    if run.experiment.map:
        steps["map"] = (run.has_map, run.has_energies)
    return " → ".join(
        f"{_DONE if done else _BUSY if begun else _TO_COME} {escape_markdown(name)}"
        for name, (done, begun) in steps.items()
    )


def show_if_deleted(folder: Path) -> bool:
    """Whether the run was deleted under an open page; then a sentence says so."""
    if (folder / RUN_FILE).exists():
        return False
    st.error("This run was deleted: choose another one above.", icon=":material/error:")
    return True


def wait_for_stage(run: Run, sentence: str) -> NoReturn:
    """Say what the page waits for, show what goes in, and stop here."""
    session.write_run_address(run.id)
    if run.status not in ACTIVE:
        st.info("This run has not reached this stage: resume it on the Runs page.")
        st.stop()
    st.info(escape_markdown(sentence))
    example_images.draw_example_images(run.experiment)
    st.stop()


def draw_job_progress(run: Run) -> None:
    """Progress of a job that is running, and a sentence for one that ended badly."""
    status = run.status
    if status in ACTIVE or run.is_active:
        _poll_job(str(run.folder), _stage_of(run))
    elif status == "failed":
        faults.show(run.info.get("error") or "This run failed.")
    elif status in ("interrupted", "cancelled"):
        st.warning(f"This run was {escape_markdown(status)}; what was finished is shown. Resume it on the Runs page.")


def _stage_of(run: Run) -> Stage:
    """How far a run is, and whether somebody works on it: changes when a page has something else to show."""
    trained, rows = (len(run.priors), len(run.record.titles)) if run.has_energies else (0, 0)
    return run.status, run.is_active, run.has_energies, run.has_map, trained, rows


def _events_of_current_job(run: Run) -> list[Event]:
    """What the process that works on the run reported; one that was resumed, or gets a map later, has heard others."""
    if run.status == "done":
        events = run.events()
        ended = max((i for i, event in enumerate(events) if event["stage"] == "done"), default=-1)
        return events[ended + 1 :]
    started = run.info.get("started", 0.0)
    if run.status != "running" or not isinstance(started, int | float):
        return []
    return [event for event in run.events() if event["time"] >= started]


@st.fragment(run_every=1.0)
@faults.show_errors()
def _poll_job(folder: str, previous: Stage) -> None:
    """Poll the job; rerun the whole page when it takes up its work, finishes a stage, or ends."""
    if show_if_deleted(Path(folder)):
        return
    run = open_run(Path(folder))
    if _stage_of(run) != previous:
        st.rerun()
    if not run.is_active:
        st.warning("This run waits, and no job works on it: start it on the Runs page.")
        return
    events = _events_of_current_job(run)
    last: Event = events[-1] if events else {"stage": "queued", "message": "Starting (loading torch)…"}
    done, of = last.get("done", last.get("epoch", 0)), last.get("total", last.get("epochs", 0))
    share = done / of if 0 <= done <= of and of else 0.0
    extra = f" · {last['images_per_s']:.0f} images/s" if "images_per_s" in last else ""
    extra += f" · {last['eta']:.0f} s left" if last.get("eta") else ""
    st.progress(
        share, text=f"**{escape_markdown(last['stage'].capitalize())}** · {escape_markdown(last['message'])}{extra}"
    )
    st.caption(format_stages(run))
