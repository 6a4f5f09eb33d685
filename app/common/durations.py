"""Durations as text."""


def format_duration(seconds: float) -> str:
    """Format a duration in seconds, minutes or hours, such as "45 s", "12 min" or "2.5 h"; at least one second."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
