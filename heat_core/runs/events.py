"""What a job reports while it works on a run, and the lock that proves that it does."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TypedDict

from heat_core.errors import Cancelled, HeatError, describe_error
from heat_core.locks import remove_leftovers
from heat_core.runs.lock import run_lock
from heat_core.storage import heat_home, read_json, write_json, writing

RUN_FILE = "run.json"
_EVENTS = "events.jsonl"


class Event(TypedDict, total=False):
    """One line of events.jsonl. `time`, `stage` and `message` are always there; the rest depends on the stage."""

    time: float  # seconds since the epoch
    stage: str  # start, features, priors, residual, beta, detectors, map; done, cancelled, failed
    message: str
    dataset: str  # features, detectors: whose images
    detector: str  # detectors: the slow one that is worked on, by its name
    done: int  # features: images so far; detectors: slow ones that are finished
    total: int  # features: images in all; detectors: how many slow ones there are
    images_per_s: float  # features
    eta: float  # features, residual: seconds left; detectors: of this one's fit, or of the images it still has to see
    skipped: list[str]  # features: ids of images that could not be read
    error: str  # map: why a map that was asked for later could not be made
    prior: str  # priors, residual: of which prior
    spread: float  # priors: of the prior's energy on the reference features
    epoch: int  # residual: the epoch that ended
    epochs: int  # residual: how many there are
    temperature: float  # residual
    prior_spread: float  # residual: of the prior's energy after division by T
    loss: float  # residual, and what else `train_residual` measures
    residual_data: float
    residual_negatives: float
    residual_spread: float
    hybrid_starts: float
    hybrid_ends: float
    hybrid_data: float
    learned: float
    saturated: bool
    diverged: bool
    rho: float  # residual: spread of E_θ over that of E_q / T, once it is trained


class Progress(Protocol):
    """How work says where it is: a stage, a sentence, and what else belongs to the `Event`."""

    def __call__(self, stage: str, message: str = "", **more: Any) -> None: ...


def read_events(folder: Path) -> list[Event]:
    """Everything that jobs reported on a run so far; a line that was cut off by a kill is left out."""
    path = folder / _EVENTS
    events: list[Event] = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    except OSError:  # its messages are a comfort, not a result
        return []
    for line in lines:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if _is_event(event):
            events.append(event)
    return events


_KINDS: dict[Any, Any] = {str: str, int: int, float: (int, float), bool: bool, list[str]: list}


def _is_event(event: Any) -> bool:
    """Whether a line holds what the keys of an event promise."""
    if not isinstance(event, dict) or not {"time", "stage", "message"} <= set(event):
        return False
    declared = Event.__annotations__
    return all(isinstance(value, _KINDS[declared[key]]) for key, value in event.items() if key in declared)


def _end_last_line(path: Path) -> None:
    """What a kill cut off must not take the next event with it."""
    if path.exists() and (content := path.read_bytes()) and not content.endswith(b"\n"):
        with writing(path), open(path, "ab") as file:
            file.write(b"\n")


def _append_events(folder: Path, on_event: Callable[[Event], None]) -> Progress:
    """A progress function that appends each event to events.jsonl and passes it to `on_event`."""
    _end_last_line(folder / _EVENTS)

    def progress(stage: str, message: str = "", **more: Any) -> None:
        event: Event = {"time": time.time(), "stage": stage, "message": message, **more}  # type: ignore[typeddict-item]
        with writing(folder / _EVENTS), open(folder / _EVENTS, "a", encoding="utf-8") as file:
            file.write(json.dumps(event) + "\n")
        on_event(event)

    return progress


@contextmanager
def record_job(folder: Path, on_event: Callable[[Event], None], versions: dict[str, str]) -> Iterator[Progress]:
    """Hold the run's lock, append events to events.jsonl, and leave the final status in run.json."""
    began = time.time()
    progress = _append_events(folder, on_event)
    remove_leftovers(
        folder, folder.parent, *(heat_home() / "features").glob("*"), *(heat_home() / "features").glob("*/*")
    )

    def write_status(name: str, **more: Any) -> None:
        write_json(folder / RUN_FILE, read_json(folder / RUN_FILE) | {"status": name, **more})

    with run_lock(folder):
        try:
            write_status("running", started=began, versions=versions, error=None)
            yield progress
            write_status("done", seconds=time.time() - began)
            progress("done", f"Finished in {time.time() - began:.0f} s.")
        except (Cancelled, KeyboardInterrupt):
            write_status("cancelled")
            progress("cancelled", "Cancelled; what was finished is kept.")
            raise
        except Exception as error:
            with suppress(HeatError):  # the disk is full: the reader will see an interrupted run
                write_status("failed", error=describe_error(error))
                progress("failed", describe_error(error))
            raise


@contextmanager
def record_side_job(folder: Path, on_event: Callable[[Event], None], stage: str) -> Iterator[Progress]:
    """Hold the run's lock and append events for work that leaves the run's status as it is.

    What ends it too early is the `error` of a last event of that stage.
    """
    with run_lock(folder):
        progress = _append_events(folder, on_event)
        try:
            yield progress
        except (Cancelled, KeyboardInterrupt):
            progress(stage, "Cancelled; the run is as it was.", error="Cancelled.")
            raise
        except Exception as error:
            with suppress(HeatError):  # the disk is full
                progress(stage, describe_error(error), error=describe_error(error))
            raise
