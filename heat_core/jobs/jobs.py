"""Jobs: child processes that run the command line on a run's folder; torch is not imported here."""

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
from heat_core.pipeline.measurements.measurements_file import require_measurable
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

# For several jobs on the same cores: threads that wait for one another yield the core instead of spinning.
ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "KMP_BLOCKTIME": "0"}
JOB_LOG = "job.log"  # output of the job of a run


class Job(Protocol):
    """Work of a process, such as a run or a study, in a folder of its own."""

    folder: Path

    @property
    def id(self) -> str:
        """Name of the folder."""
        ...


def start(folder: Path) -> "subprocess.Popen[bytes]":
    """Start (or resume) the job of a run's folder in a process of its own, which outlives the caller.

    Raises:
        HeatError: where a job works on it already.
    """
    if is_active(folder):
        raise HeatError(f"Run {folder.name} is being worked on already: wait for it, or cancel it.")
    process = spawn(["job", str(folder)], folder / JOB_LOG)
    record_starting_process(folder, process.pid)
    return process


def start_map(run: Run) -> "subprocess.Popen[bytes]":
    """Fit the map of a run that has none in a process of its own; it ends with `map.npz` in the folder.

    The run is alive meanwhile and keeps its status. Events of the stage `map` report the progress; where the map could
    not be fitted, the last one has the reason as `error`.

    Raises:
        HeatError: where the map cannot be made, or a process works on the run.
    """
    require_mappable(run)
    return _start_side_job(run, "map")


def _start_side_job(run: Run, verb: str) -> "subprocess.Popen[bytes]":
    if run.is_active:
        raise HeatError(f"Run {run.id} is being worked on by another process: wait for it, or cancel it.")
    process = spawn([verb, str(run.folder)], run.folder / JOB_LOG)
    record_starting_process(run.folder, process.pid)
    return process


def start_findings(run: Run) -> "subprocess.Popen[bytes]":
    """Measure the images of a finished run in a process of its own; it ends with `findings.npz` in the folder.

    The run is alive meanwhile and keeps its status, as with `start_map`; the stage of its events is `findings`.

    Raises:
        HeatError: where the images cannot be measured, or a process works on the run.
    """
    require_measurable(run)
    return _start_side_job(run, "findings")


def start_scoring(run: Run, paths: list[Path], into: Path) -> None:
    """Score images with a run in a process of its own: `into` gets a log, then the result or the error."""
    process = spawn(["score", "--into", str(into), "--", str(run.folder), *map(str, paths)], into / LOG_FILE)
    record_starting_process(into, process.pid)


def start_positions(run: Run, dataset: str, sample_id: str, into: Path) -> None:
    """Compute the contributions of a sample's positions in a process of its own.

    The sample is one of a scored set, or of `train`. The folder `into` gets a log, then `position_maps.POSITIONS` or
    the error.
    """
    _start_positions(run, f"{dataset}/{sample_id}", into)


def start_positions_of_file(run: Run, place: ImageLocation, into: Path) -> None:
    """Compute the contributions of an image's positions, for an image that is no sample of the run."""
    _start_positions(run, str(ImageLocation(place.file.absolute(), place.box)), into)


def _start_positions(run: Run, what: str, into: Path) -> None:
    spawn(["positions", "--into", str(into), "--", str(run.folder), what], into / LOG_FILE)


def spawn(arguments: list[str], log_path: Path) -> "subprocess.Popen[bytes]":
    """Start `python -m heat_core …` at a lower priority than the app, with its output appended to a log."""
    with writing(log_path), open(log_path, "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "heat_core", "--nice", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | ENVIRONMENT,
        )


def start_study(folder: Path) -> "subprocess.Popen[bytes]":
    """Start (or resume) the runs of a study in a process of its own, which outlives the caller.

    Raises:
        HeatError: where a process works on it already.
    """
    if is_active(folder):
        raise HeatError(f"The study {folder.name} is being worked on already: wait for it, or cancel it.")
    process = spawn(["study", "--resume", str(folder)], folder / JOB_LOG)
    record_starting_process(folder, process.pid)
    return process


def cancel(run: Job, patience: float = 10.0) -> bool:
    """Ask the job to stop, wait at most `patience` seconds for its end, and return whether it ended.

    A signal is sent only to the recorded process that works on the run, or that was started to; one that still loads
    ends at once.

    Raises:
        HeatError: where no process works on the run, or the one that does has not been recorded yet.
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
    """Set the status of a run to cancelled where its job ended before it took its lock."""
    with run_lock(folder):
        info = read_json(folder / RUN_FILE)
        if info["status"] in ACTIVE:
            write_json(folder / RUN_FILE, info | {"status": "cancelled"})
