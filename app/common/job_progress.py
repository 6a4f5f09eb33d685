"""Progress of a run's job, and the content of a page while it waits for a stage of the job."""

from pathlib import Path
from typing import NoReturn

import streamlit as st

from app.common import example_images, faults
from app.common.cached_runs import open_run
from app.common.text import escape_markdown
from app.state import session
from heat_core import Run
from heat_core.pipeline.measurements.measurements_file import FINDINGS
from heat_core.runs.events import RUN_FILE, Event
from heat_core.runs.run import ACTIVE

# Status, whether a job is active, whether there are energies, whether there is a map, residuals, rows of the table.
Stage = tuple[str, bool, bool, bool, int, int]
_DONE, _BUSY, _TO_COME = ":material/check_circle:", ":material/pending:", ":material/radio_button_unchecked:"


def format_stages(run: Run) -> str:
    """Format the stages of a job as one line of Markdown, with an icon for done, in progress or to come before each."""
    trained, wanted = len(run.priors) if run.has_energies else 0, len(run.experiment.priors)
    features = run.has_energies or any(e["stage"] == "priors" for e in run.events())
    steps = {
        "features": (features, True),
        "priors and detectors": (run.has_energies, features),
        f"residuals ({trained} of {wanted})": (trained == wanted, run.has_energies),
    }
    if run.experiment.map:
        steps["map"] = (run.has_map, run.has_energies)
        if (measured := (run.folder / FINDINGS).exists()) or run.status in ACTIVE:  # older versions measured nothing
            steps["findings"] = (measured, trained == wanted)
    return " → ".join(
        f"{_DONE if done else _BUSY if begun else _TO_COME} {escape_markdown(name)}"
        for name, (done, begun) in steps.items()
    )


def show_if_deleted(folder: Path) -> bool:
    """Return whether the run was deleted while its page was open, and show a message if so."""
    if (folder / RUN_FILE).exists():
        return False
    st.error("This run was deleted: choose another one above.", icon=":material/error:")
    return True


def wait_for_stage(run: Run, sentence: str) -> NoReturn:
    """Show what the page waits for and example images of the run, and end the page.

    Args:
        run: the run that the page shows.
        sentence: message that names the stage the page waits for.
    """
    session.write_run_address(run.id)
    if run.status not in ACTIVE:
        st.info("This run has no results yet, and no job works on it: resume it on the Runs page.")
        st.stop()
    st.info(escape_markdown(sentence))
    example_images.draw_example_images(run.experiment)
    st.stop()


def draw_job_progress(run: Run) -> None:
    """Draw the progress of a job that is running, or a message where it failed, was cancelled or was interrupted."""
    status = run.status
    if status in ACTIVE or run.is_active:
        _poll_job(str(run.folder), _stage_of(run))
    elif status == "failed":
        faults.show(run.info.get("error") or "This run failed.")
    elif status in ("interrupted", "cancelled"):
        st.warning(f"This run was {escape_markdown(status)}: the results so far are shown. Resume it on the Runs page.")


def _stage_of(run: Run) -> Stage:
    """Return the state of a run and its job that decides what a page shows."""
    trained, rows = (len(run.priors), len(run.record.titles)) if run.has_energies else (0, 0)
    return run.status, run.is_active, run.has_energies, run.has_map, trained, rows


def _events_of_current_job(run: Run) -> list[Event]:
    """Return the events of the job that works on the run, without those of earlier jobs."""
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
    """Draw the progress of the job every second; rerun the whole page when the job starts, finishes a stage or ends."""
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
