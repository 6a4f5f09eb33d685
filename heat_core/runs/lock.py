"""Who works on a run: a lock that dies with its process, and beside it which process that is.

The number of a process is reused. Its start, as the system keeps it, tells a job from a stranger with its number.
Before a job takes the lock it loads for seconds: until then whoever started it has left its number in `job.starting`.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from heat_core.errors import HeatError
from heat_core.storage import locked, write_json, writing

# Of a folder that a process of its own fills with scored images or positions, beside `record.SCORED` and `POSITIONS`.
SCORE_LOCK, FAILED_FILE, LOG_FILE = "score.lock", "failed.txt", "log.txt"
_LOCK, _OWNER, _STARTING = "job.lock", "job.pid", "job.starting"
_PATIENCE = 1.0  # seconds; whoever only looks whether the lock is held holds it for a moment
_LONGEST_START = 600.0  # seconds; older than that, a process that still loads hangs


@dataclass(frozen=True)
class Owner:
    """A process: its number, and a token of when it began ("" where the system does not tell)."""

    pid: int
    began: str

    @classmethod
    def current(cls) -> Self:
        """This process."""
        return cls(os.getpid(), _began(os.getpid()))

    @property
    def runs(self) -> bool:
        """Whether this very process is still there."""
        return bool(self.began) and _began(self.pid) == self.began


def _began(pid: int) -> str:
    """When a process began; "" where there is none, or only what its parent has not asked for yet."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.exists() and Path("/proc/self/stat").exists():
        try:
            boot = Path("/proc/sys/kernel/random/boot_id")
            words = stat.read_text().rpartition(")")[2].split()  # after the name, which may hold anything
            if words[0] == "Z":  # it ended
                return ""
            return f"{boot.read_text().strip() if boot.exists() else ''} {words[19]}"
        except (OSError, IndexError):
            return ""
    if sys.platform == "win32":
        return "unknown"  # the lock alone has to do
    told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout.strip()


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a run's lock, and say who does; HeatError where another process holds it, or the folder is read-only."""
    lock = FileLock(folder / _LOCK)
    with writing(folder / _LOCK):
        try:
            lock.acquire(timeout=_PATIENCE, poll_interval=0.02)
        except Timeout:
            raise HeatError(
                f"Run {folder.name} is being worked on by another process: wait for it, or cancel it."
            ) from None
    try:
        owner = Owner.current()
        write_json(folder / _OWNER, {"pid": owner.pid, "began": owner.began})
        (folder / _STARTING).unlink(missing_ok=True)
        yield
    finally:
        (folder / _OWNER).unlink(missing_ok=True)
        lock.release()


def is_alive(folder: Path) -> bool:
    """Whether a process works on this run now."""
    return locked(folder / _LOCK)


def owner_of(folder: Path) -> Owner | None:
    """The process that works on this run; None where there is none, or it has not said so yet."""
    owner = _read(folder / _OWNER)
    return owner if owner and is_alive(folder) and owner.runs else None


def announce(folder: Path, pid: int) -> None:
    """Say that a process was started to work on this run."""
    write_json(folder / _STARTING, {"pid": pid, "began": _began(pid)})


def starter_of(folder: Path) -> Owner | None:
    """The process that was started for this run and has not taken its lock yet; None where there is none."""
    owner = _read(folder / _STARTING)
    if owner is None or not owner.runs or is_alive(folder):
        return None
    try:
        return owner if time.time() - (folder / _STARTING).stat().st_mtime < _LONGEST_START else None
    except OSError:  # it has just taken the lock
        return None


def is_worked_on(folder: Path) -> bool:
    """Whether a process works on this run, or was started to and still loads."""
    return is_alive(folder) or starter_of(folder) is not None


def _read(path: Path) -> Owner | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Owner(int(content["pid"]), str(content["began"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
