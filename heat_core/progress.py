"""How often work reports its progress: at most every few seconds, or never."""

import time
from typing import Any


class RateLimiter:
    """A callable that is true at most once in so many seconds.

    Args:
        seconds: between two calls that return True.
        at_once: whether the first call returns True; otherwise the seconds count from now.
    """

    def __init__(self, seconds: float, at_once: bool = False) -> None:
        self._seconds, self._last = seconds, -float("inf") if at_once else time.monotonic()

    def __call__(self) -> bool:
        now = time.monotonic()
        due = now - self._last > self._seconds
        if due:
            self._last = now
        return due


def no_progress(*_: Any, **__: Any) -> None:
    """Ignore a report: the default of every function that reports its progress."""
