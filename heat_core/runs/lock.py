"""Lock of the process that works on a run, and the identity of that process.

The lock is released when the process ends; a file beside it names the process. The system reuses process numbers; the
start time of a process distinguishes it from a later one with the same number. A job loads for seconds before it takes
the lock: until then, `job.starting` holds its number, written by the process that started it.
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

# Files in a folder that a separate process fills with scored images or positions, beside `SCORED` or `POSITIONS`.
SCORE_LOCK, FAILED_FILE, LOG_FILE = "score.lock", "failed.txt", "log.txt"
_LOCK, _OWNER, _STARTING = "job.lock", "job.pid", "job.starting"
_PATIENCE = 1.0  # seconds, since a process that only checks the lock holds it for a moment
_LONGEST_START = 600.0  # seconds after which a process that still loads counts as hung
_SAME_START = 1.0  # seconds; the rounding of the start of the system makes smaller differences


@dataclass(frozen=True)
class ProcessIdentity:
    """Identity of a process, which distinguishes it from a later one with the same number.

    Attributes:
        pid: process number.
        began: seconds from the start of the system to that of the process, which do not depend on changes of the clock;
            None = it has ended.
    """

    pid: int
    began: float | None

    @classmethod
    def of(cls, pid: int) -> Self:
        """Look a process up by its number."""
        return cls(pid, _start_time(pid))

    @classmethod
    def current(cls) -> Self:
        """Return the identity of this process."""
        return cls.of(os.getpid())

    @property
    def is_running(self) -> bool:
        """Whether this very process still runs."""
        now = _start_time(self.pid)
        return now is not None and self.began is not None and abs(now - self.began) < _SAME_START


def _start_time(pid: int) -> float | None:
    """Return the seconds from the start of the system to that of a process; None if there is none, or only a zombie."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return process.create_time() - psutil.boot_time()
    except (psutil.Error, ValueError, OverflowError):  # no process can have such a number
        return None


@contextmanager
def run_lock(folder: Path) -> Iterator[None]:
    """Hold a run's lock, and record the process that holds it.

    Raises:
        HeatError: where another process holds the lock, or the folder is read-only.
    """
    message = f"Run {folder.name} is being worked on by another process: wait for it, or cancel it."
    with exclusive(folder / _LOCK, message, _PATIENCE):
        try:
            _write(folder / _OWNER, ProcessIdentity.current())
            (folder / _STARTING).unlink(missing_ok=True)
            yield
        finally:
            (folder / _OWNER).unlink(missing_ok=True)


def is_alive(folder: Path) -> bool:
    """Tell whether a process works on this run now."""
    return is_locked(folder / _LOCK)


def working_process(folder: Path) -> ProcessIdentity | None:
    """Return the process that works on this run; None where there is none, or it has not been recorded yet."""
    process = _read(folder / _OWNER)
    return process if process and is_alive(folder) and process.is_running else None


def record_starting_process(folder: Path, pid: int) -> None:
    """Record that a process was started to work on this run."""
    _write(folder / _STARTING, ProcessIdentity.of(pid))


def starting_process(folder: Path) -> ProcessIdentity | None:
    """Return the process that was started for this run and has not taken its lock yet; None where there is none."""
    process = _read(folder / _STARTING)
    if process is None or not process.is_running or is_alive(folder):
        return None
    try:
        return process if time.time() - (folder / _STARTING).stat().st_mtime < _LONGEST_START else None
    except OSError:  # it has just taken the lock
        return None


def is_active(folder: Path) -> bool:
    """Tell whether a process works on this run, or was started to and still loads."""
    return is_alive(folder) or starting_process(folder) is not None


def _write(path: Path, process: ProcessIdentity) -> None:
    write_json(path, {"pid": process.pid, "began": process.began})


def _read(path: Path) -> ProcessIdentity | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return ProcessIdentity(int(content["pid"]), float(content["began"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
