"""For what is said now and then."""

import time


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
