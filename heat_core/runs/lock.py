"""Who works on a run: a lock that dies with its process, and beside it which process that is.

The number of a process is reused. Its start, as the system keeps it, tells a job from a stranger with its number.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from heat_core.errors import HeatError
from heat_core.storage import locked, write_json, writing

_LOCK, _OWNER = "job.lock", "job.pid"


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
    """When a process began; "" where there is none."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.exists() and Path("/proc/self/stat").exists():
        try:
            boot = Path("/proc/sys/kernel/random/boot_id")
            since = stat.read_text().rpartition(")")[2].split()[19]  # after the name, which may hold anything
            return f"{boot.read_text().strip() if boot.exists() else ''} {since}"
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
            lock.acquire(timeout=0)
        except Timeout:
            raise HeatError(
                f"Run {folder.name} is being worked on by another process: wait for it, or cancel it."
            ) from None
    try:
        owner = Owner.current()
        write_json(folder / _OWNER, {"pid": owner.pid, "began": owner.began})
        yield
    finally:
        (folder / _OWNER).unlink(missing_ok=True)
        lock.release()


def is_alive(folder: Path) -> bool:
    """Whether a process works on this run now."""
    return locked(folder / _LOCK)


def owner_of(folder: Path) -> Owner | None:
    """The process that works on this run; None where there is none, or it has not said so yet."""
    try:
        content = json.loads((folder / _OWNER).read_text(encoding="utf-8"))
        owner = Owner(int(content["pid"]), str(content["began"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return owner if is_alive(folder) and owner.runs else None
