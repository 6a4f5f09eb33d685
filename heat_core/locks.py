"""Locks that are released when their process ends, and removal of files that killed processes left behind."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import writing

_POLL = 0.02  # seconds between two attempts to take a lock
_LEFTOVER = re.compile(r"(?:\..+\.(\d+)\.tmp|map-input-(\d+)\.npz|\.(?:new|gone)-(\d+)-.*)")
_OLDEST = 86_400.0  # seconds; an older leftover belongs to no running process, even if one has its id


@contextmanager
def exclusive(
    path: Path, message: str | None = None, timeout: float = -1, target: Path | None = None
) -> Iterator[None]:
    """Hold a lock while the block runs. The system releases it when the process ends, even if it is killed.

    Args:
        path: file of the lock; its folder is created.
        message: message of the error if another process holds the lock; default: a sentence that names `target`.
        timeout: seconds to wait for another process; negative = without limit.
        target: file or folder that is named if the lock's file cannot be written; default: the lock's file.

    Raises:
        HeatError: if another process still holds the lock after `timeout`, or if the lock's file cannot be written.
    """
    lock = FileLock(path)
    with writing(target or path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=timeout, poll_interval=_POLL)
        except Timeout:
            usual = f"Another process is at work on {printable(target or path)}: wait for it, or stop it."
            raise HeatError(message or usual) from None
    try:
        yield
    finally:
        lock.release()


def is_locked(path: Path) -> bool:
    """Return whether a process holds this lock now. The lock's file is not created."""
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # the lock's file is in a read-only folder, where no process can work
        return False


def remove_leftovers(*folders: Path) -> None:
    """Delete temporary files and folders in `folders` whose name holds the id of a process that no longer runs.

    Files with the id of this process count as left over, too: call this before the process writes into the folders.
    """
    for folder in folders:
        for path in folder.glob("*") if folder.is_dir() else ():
            match = _LEFTOVER.fullmatch(path.name)
            if match is None or not _has_ended(int(next(filter(None, match.groups()))), path):
                continue
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _has_ended(pid: int, path: Path) -> bool:
    """Return whether the process with this id that wrote `path` has ended."""
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > _OLDEST:
            return True
    return pid == os.getpid() or not psutil.pid_exists(pid)  # this process has written nothing yet
