"""Jobs: the command line run as a child process on a run folder. Nothing here imports torch."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from heat_core.data.image_location import ImageLocation
from heat_core.errors import HeatError
from heat_core.pipeline.make_map import require_mappable
from heat_core.runs.events import RUN_FILE
from heat_core.runs.lock import (
    LOG_FILE,
    is_active,
    record_starting_process,
    run_lock,
    starting_process,
    working_process,
)
from heat_core.runs.run import ACTIVE, Run
from heat_core.storage import read_json, write_json, writing

# What several jobs on the same cores need: threads that wait for one another give the core away instead of spinning.
_ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
JOB_LOG = "job.log"  # what the job of a run printed


class Job(Protocol):
    """What a process works on: a run, a study."""

    folder: Path

    @property
    def id(self) -> str:
        """The folder's name."""
        ...


def start(folder: Path) -> "subprocess.Popen[bytes]":
    """Start (or resume) the job of a run folder in a process of its own, which outlives the caller.

    Raises:
        HeatError: where a job works on it already.
    """
    if is_active(folder):
        raise HeatError(f"Run {folder.name} is being worked on already: wait for it, or cancel it.")
    process = _spawn(["job", str(folder)], folder / JOB_LOG)
    record_starting_process(folder, process.pid)
    return process


def start_map(run: Run) -> "subprocess.Popen[bytes]":
    """Fit the map of a run that has none in a process of its own; `map.npz` is there when it ended well.

    While it works the run is alive, its status stays; events of the stage `map` say what it does, and the `error` of
    the last why it could not.

    Raises:
        HeatError: where it cannot be made, or a process works on the run.
    """
    require_mappable(run)
    if run.is_active:
        raise HeatError(f"Run {run.id} is being worked on by another process: wait for it, or cancel it.")
    process = _spawn(["map", str(run.folder)], run.folder / JOB_LOG)
    record_starting_process(run.folder, process.pid)
    return process


def start_scoring(run: Run, paths: list[Path], into: Path) -> None:
    """Score images with a run in a process of its own: `into` gets a log, then the result or the error."""
    arguments = ["score", str(run.folder), *map(str, paths), "--into", str(into)]
    _spawn(arguments, into / LOG_FILE)


def start_positions(run: Run, dataset: str, sample_id: str, into: Path) -> None:
    """Take a sample of a scored set, or of `train`, apart by positions in a process of its own: `into` gets a log, then
    `position_maps.POSITIONS` or the error."""
    _start_positions(run, f"{dataset}/{sample_id}", into)


def start_positions_of_file(run: Run, place: ImageLocation, into: Path) -> None:
    """The same of an image that is no sample of the run."""
    _start_positions(run, str(ImageLocation(place.file.absolute(), place.box)), into)


def _start_positions(run: Run, what: str, into: Path) -> None:
    _spawn(["positions", "--into", str(into), "--", str(run.folder), what], into / LOG_FILE)


def _spawn(arguments: list[str], log_path: Path) -> "subprocess.Popen[bytes]":
    """`python -m heat_core …`, with what it prints in a log. It gives way to the app where both want a core."""
    with writing(log_path), open(log_path, "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "heat_core", "--nice", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | _ENVIRONMENT,
        )


def start_study(folder: Path) -> "subprocess.Popen[bytes]":
    """Start (or resume) the runs of a study in a process of its own, which outlives the caller.

    Raises:
        HeatError: where a process works on it already.
    """
    if is_active(folder):
        raise HeatError(f"The study {folder.name} is being worked on already: wait for it, or cancel it.")
    process = _spawn(["study", "--resume", str(folder)], folder / JOB_LOG)
    record_starting_process(folder, process.pid)
    return process


def cancel(run: Job, patience: float = 10.0) -> bool:
    """Ask the job to stop, and wait for it; whether it did. Only a process that said itself that it works on the run,
    or that was started to, is asked: one that still loads ends at once.

    Raises:
        HeatError: where none works on it, or the one that does has not said who it is.
    """
    if not is_active(run.folder):
        raise HeatError(f"Run {run.id} is not running.")
    deadline, is_signalled = time.monotonic() + patience, False
    while is_active(run.folder) and time.monotonic() < deadline:
        if not is_signalled and (process := working_process(run.folder) or starting_process(run.folder)):
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(process.pid, signal.SIGTERM)
            is_signalled = True
        time.sleep(0.05)
    if is_active(run.folder):
        if is_signalled:
            return False
        raise HeatError(f"The job of run {run.id} has only begun and does not answer yet: try again in a moment.")
    _cancel_status(run.folder)
    return True


def _cancel_status(folder: Path) -> None:
    """A job that ended before it took its lock left its run queued, or running: it is cancelled."""
    with run_lock(folder):
        info = read_json(folder / RUN_FILE)
        if info["status"] in ACTIVE:
            write_json(folder / RUN_FILE, info | {"status": "cancelled"})
