"""Durations and points in time, as text."""

import math
from datetime import datetime
from typing import Any


def format_duration(seconds: float) -> str:
    """Format a duration in seconds, minutes or hours, such as "45 s", "12 min" or "2.5 h"; at least one second."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def local_time(value: Any) -> datetime | None:
    """Convert seconds since the epoch to this machine's local time; None where that is not possible."""
    try:
        return datetime.fromtimestamp(value) if value else None
    except (OverflowError, OSError, TypeError, ValueError):
        return None


def format_time(value: Any) -> str:
    """Format seconds since the epoch, such as "29 Nov 2026, 22:46"; "" where that is not possible."""
    time = local_time(value)
    return f"{time:%d %b %Y, %H:%M}".lstrip("0") if time else ""


def finite_or_none(value: Any) -> float | None:
    """Return a finite number as a float; None for everything else."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None
