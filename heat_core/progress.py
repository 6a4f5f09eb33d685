"""Helpers that limit how often work reports its progress: at most every few seconds, or never."""

import time
from typing import Any


class RateLimiter:
    """Callable that returns True at most once in `seconds` seconds.

    Args:
        seconds: shortest time between two calls that return True.
        at_once: whether the first call returns True; otherwise `seconds` must pass first.
    """

    def __init__(self, seconds: float, at_once: bool = False) -> None:
        self._seconds, self._last = seconds, -float("inf") if at_once else time.monotonic()

    def __call__(self) -> bool:
        """Return whether a report is due; a True answer starts the interval anew."""
        now = time.monotonic()
        due = now - self._last > self._seconds
        if due:
            self._last = now
        return due


def no_progress(*_: Any, **__: Any) -> None:
    """Ignore a report: the default of every function that reports its progress."""
