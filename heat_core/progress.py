"""How long work reports how far it is: at most every few seconds, or not at all."""

import time
from typing import Any


class Every:
    """Calling it says whether so many seconds have passed since it last said so, or since it was made.

    Args:
        seconds: between two times.
        at_once: whether the first call says so, too.
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
