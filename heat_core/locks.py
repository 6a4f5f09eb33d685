"""Locks that end with their process, and what processes that were killed have left behind."""

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
from heat_core.storage import writing

_POLL = 0.02  # seconds between two attempts to take a lock
_LEFTOVER = re.compile(r"(?:\..+\.(\d+)\.tmp|map-input-(\d+)\.npz|\.(?:new|gone)-(\d+)-.*)")
_OLDEST = 86_400.0  # seconds; a leftover that is older belongs to no process, whoever has its number now


@contextmanager
def exclusive(
    path: Path, message: str | None = None, timeout: float = -1, target: Path | None = None
) -> Iterator[None]:
    """Hold a lock while the block runs. It is released when the process ends, however that ends.

    Args:
        path: the lock's file; its folder is created.
        message: the error where another process holds the lock.
        timeout: seconds to wait for another process; negative = as long as it takes.
        target: the file or folder that an error of the disk names; default: the lock's file.

    Raises:
        HeatError: where another process holds the lock after `timeout`, or its file cannot be written.
    """
    lock = FileLock(path)
    with writing(target or path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=timeout, poll_interval=_POLL)
        except Timeout:
            if message is None:
                raise
            raise HeatError(message) from None
    try:
        yield
    finally:
        lock.release()


def is_locked(path: Path) -> bool:
    """Whether a process holds this lock now. Asking makes no file."""
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a lock that may not be written, in a read-only home: nobody works there
        return False


def remove_leftovers(*folders: Path) -> None:
    """Delete temporary files and folders in `folders` that carry the number of a process that no longer runs.

    To be called before this process writes anything there.
    """
    for folder in folders:
        for path in folder.glob("*") if folder.is_dir() else ():
            match = _LEFTOVER.fullmatch(path.name)
            if match is None or not _has_ended(int(next(filter(None, match.groups()))), path):
                continue
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _has_ended(pid: int, path: Path) -> bool:
    """Whether the process that wrote `path` has ended."""
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > _OLDEST:
            return True
    return pid == os.getpid() or not psutil.pid_exists(pid)  # its own number: an earlier process had it
