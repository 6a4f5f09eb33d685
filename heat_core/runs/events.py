"""Events that a job reports while it works on a run, and the contexts in which a job works."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TypedDict

from heat_core.errors import Cancelled, HeatError, describe_error
from heat_core.json_text import to_json
from heat_core.locks import remove_leftovers
from heat_core.runs.lock import run_lock
from heat_core.runs.results_file import ENERGIES
from heat_core.storage import heat_home, read_json, write_json, writing

RUN_FILE = "run.json"
_EVENTS = "events.jsonl"


class Event(TypedDict, total=False):
    """Line of events.jsonl; `time`, `stage` and `message` are always there, other keys depend on the stage."""

    time: float  # seconds since the epoch
    stage: str  # start, features, priors, residual, beta, detectors, map; done, cancelled, failed
    message: str
    dataset: str  # features, detectors: name of the set
    detector: str  # detectors: name of the current slow one
    done: int  # features: images so far; detectors: number of finished slow ones
    total: int  # features: all images; detectors: number of slow ones
    images_per_s: float  # features: images per second
    eta: float  # features, residual: seconds left; detectors: seconds left for the fit or the images of this one
    skipped: list[str]  # features: ids of images that could not be read
    error: str  # map: why a map that was requested after the run could not be made
    prior: str  # priors, residual: name of the prior
    spread: float  # priors: standard deviation of the prior's energy on the reference features
    epoch: int  # residual: number of the epoch that ended
    epochs: int  # residual: number of all epochs
    temperature: float  # residual: temperature T of the prior
    prior_spread: float  # residual: standard deviation of the prior's energy divided by T
    loss: float  # residual: this and the keys down to `diverged` are measured by `train_residual`
    residual_data: float
    residual_negatives: float
    residual_spread: float
    hybrid_starts: float
    hybrid_ends: float
    hybrid_data: float
    learned: float
    saturated: bool
    diverged: bool
    rho: float  # residual: residual scale ρ = std(E_θ) / std(E_q / T), once it is trained


class Progress(Protocol):
    """Function that reports the progress of work: a stage, a sentence, and further keys of the `Event`."""

    def __call__(self, stage: str, message: str = "", **more: Any) -> None:
        """Report the stage, a sentence, and further keys of the `Event`."""
        ...


def read_events(folder: Path) -> list[Event]:
    """Read every event that jobs reported on a run; a line that was truncated when a process was killed is left out."""
    path = folder / _EVENTS
    events: list[Event] = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    except OSError:  # events are only shown, and no result depends on them
        return []
    for line in lines:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):  # null stands for a number that is not finite
            event = {key: value for key, value in event.items() if value is not None}
        if _is_event(event):
            events.append(event)
    return events


_KINDS: dict[Any, Any] = {str: str, int: int, float: (int, float), bool: bool, list[str]: list}


def _is_event(event: Any) -> bool:
    """Tell whether a line has the keys of an event, with values of the declared types."""
    if not isinstance(event, dict) or not {"time", "stage", "message"} <= set(event):
        return False
    declared = Event.__annotations__
    return all(isinstance(value, _KINDS[declared[key]]) for key, value in event.items() if key in declared)


def _end_last_line(path: Path) -> None:
    """End a truncated last line, so that the next event begins on a line of its own."""
    if path.exists() and (content := path.read_bytes()) and not content.endswith(b"\n"):
        with writing(path), open(path, "ab") as file:
            file.write(b"\n")


def _append_events(folder: Path, on_event: Callable[[Event], None]) -> Progress:
    """Make a progress function that appends each event to events.jsonl and passes it to `on_event`."""
    _end_last_line(folder / _EVENTS)

    def progress(stage: str, message: str = "", **more: Any) -> None:
        event: Event = {"time": time.time(), "stage": stage, "message": message, **more}  # type: ignore[typeddict-item]
        with writing(folder / _EVENTS), open(folder / _EVENTS, "a", encoding="utf-8") as file:
            file.write(to_json(event) + "\n")
        on_event(event)

    return progress


@contextmanager
def record_job(folder: Path, on_event: Callable[[Event], None], versions: dict[str, str]) -> Iterator[Progress]:
    """Hold the run's lock, append events to events.jsonl, and write the final status to run.json.

    A finished run whose numbers the job did not change stays finished, also where the job fails.

    Args:
        folder: folder of the run.
        on_event: receives each event.
        versions: versions of packages, for run.json.
    """
    began = time.time()
    progress = _append_events(folder, on_event)
    remove_leftovers(
        folder, folder.parent, *(heat_home() / "features").glob("*"), *(heat_home() / "features").glob("*/*")
    )

    def write_status(name: str, **more: Any) -> None:
        write_json(folder / RUN_FILE, read_json(folder / RUN_FILE) | {"status": name, **more})

    with run_lock(folder):
        before, numbers = read_json(folder / RUN_FILE), _stamp(folder / ENERGIES)

        def end(stage: str, message: str, **more: Any) -> None:
            if before.get("status") == "done" and numbers is not None and _stamp(folder / ENERGIES) == numbers:
                write_json(folder / RUN_FILE, before)
                progress("done", f"The run is finished and stays as it was. {message}")
            else:
                write_status(stage, **more)
                progress(stage, message)

        try:
            write_status("running", started=began, versions=versions, error=None)
            yield progress
            write_status("done", seconds=time.time() - began)
            progress("done", f"Finished in {time.time() - began:.0f} s.")
        except (Cancelled, KeyboardInterrupt):
            end("cancelled", "Cancelled; what was finished is kept.")
            raise
        except Exception as error:
            with suppress(HeatError):  # on a full disk the run will be shown as interrupted
                end("failed", describe_error(error), error=describe_error(error))
            raise


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what differs once a file was written again; None where there is no file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


@contextmanager
def record_side_job(folder: Path, on_event: Callable[[Event], None], stage: str) -> Iterator[Progress]:
    """Hold the run's lock and append events for work that leaves the run's status unchanged.

    Where the work fails or is cancelled, the last event of that stage has the reason as `error`.
    """
    with run_lock(folder):
        progress = _append_events(folder, on_event)
        try:
            yield progress
        except (Cancelled, KeyboardInterrupt):
            progress(stage, "Cancelled; the run is as it was.", error="Cancelled.")
            raise
        except Exception as error:
            with suppress(HeatError):  # the disk may be full
                progress(stage, describe_error(error), error=describe_error(error))
            raise
