"""Who works on a run: a lock that dies with its process, and beside it which process that is.

The number of a process is reused. Its start, as the system keeps it, tells a job from a stranger with its number.
Before a job takes the lock it loads for seconds: until then whoever started it has left its number in `job.starting`.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from heat_core.locks import exclusive, is_locked
from heat_core.storage import write_json

# Of a folder that a process of its own fills with scored images or positions, beside `scored.SCORED` and `POSITIONS`.
SCORE_LOCK, FAILED_FILE, LOG_FILE = "score.lock", "failed.txt", "log.txt"
_LOCK, _OWNER, _STARTING = "job.lock", "job.pid", "job.starting"
_PATIENCE = 1.0  # seconds; whoever only looks whether the lock is held holds it for a moment
_LONGEST_START = 600.0  # seconds; older than that, a process that still loads hangs
_SAME_START = 1.0  # seconds; systems that round their own start give times that differ by less


@dataclass(frozen=True)
class ProcessIdentity:
    """A process that is told from a later one with the same number.

    Attributes:
        pid: its number.
        began: its start in seconds since that of the system, which no change of the clock moves; None = it has ended.
    """

    pid: int
    began: float | None

    @classmethod
    def of(cls, pid: int) -> Self:
        """Look a process up by its number."""
        return cls(pid, _start_time(pid))

    @classmethod
    def current(cls) -> Self:
        """This process."""
        return cls.of(os.getpid())

    @property
    def is_running(self) -> bool:
        """Whether this very process is still there."""
        now = _start_time(self.pid)
        return now is not None and self.began is not None and abs(now - self.began) < _SAME_START


def _start_time(pid: int) -> float | None:
    """Seconds from the start of the system to that of a process; None where there is none, or only a zombie."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.create_time() - psutil.boot_time()
    except (psutil.Error, ValueError, OverflowError):  # no process can have such a number
        return None


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold a run's lock, and say who does; HeatError where another process holds it, or the folder is read-only."""
    message = f"Run {folder.name} is being worked on by another process: wait for it, or cancel it."
    with exclusive(folder / _LOCK, message, _PATIENCE):
        try:
            _write(folder / _OWNER, ProcessIdentity.current())
            (folder / _STARTING).unlink(missing_ok=True)
            yield
        finally:
            (folder / _OWNER).unlink(missing_ok=True)


def is_alive(folder: Path) -> bool:
    """Whether a process works on this run now."""
    return is_locked(folder / _LOCK)


def working_process(folder: Path) -> ProcessIdentity | None:
    """The process that works on this run; None where there is none, or it has not said so yet."""
    process = _read(folder / _OWNER)
    return process if process and is_alive(folder) and process.is_running else None


def record_starting_process(folder: Path, pid: int) -> None:
    """Write down that a process was started to work on this run."""
    _write(folder / _STARTING, ProcessIdentity.of(pid))


def starting_process(folder: Path) -> ProcessIdentity | None:
    """The process that was started for this run and has not taken its lock yet; None where there is none."""
    process = _read(folder / _STARTING)
    if process is None or not process.is_running or is_alive(folder):
        return None
    try:
        return process if time.time() - (folder / _STARTING).stat().st_mtime < _LONGEST_START else None
    except OSError:  # it has just taken the lock
        return None


def is_active(folder: Path) -> bool:
    """Whether a process works on this run, or was started to and still loads."""
    return is_alive(folder) or starting_process(folder) is not None


def _write(path: Path, process: ProcessIdentity) -> None:
    write_json(path, {"pid": process.pid, "began": process.began})


def _read(path: Path) -> ProcessIdentity | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return ProcessIdentity(int(content["pid"]), float(content["began"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
