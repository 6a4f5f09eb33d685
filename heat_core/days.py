"""Days of times in the forms in which people and programs write them."""

import re
from collections.abc import Iterable
from datetime import date, timedelta
from email.utils import parsedate

from heat_core.errors import HeatError

NO_DAY = "no day"  # stands for the day of a value that is no time
_ISO = re.compile(r"(\d{4})[-/:.](\d{1,2})[-/:.](\d{1,2})(?!\d).*", re.DOTALL)  # ISO 8601, and the format of cameras
_CLOCK = r"(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\d{3}|\d{6})?)?"
_ISO_BASIC = re.compile(rf"((?:19|20)\d\d)(\d\d)(\d\d)(?:[T _-]\d.*|{_CLOCK}(?:\D.*)?)?", re.DOTALL)
_ISO_WEEK = re.compile(r"(\d{4})-?W(\d\d)-?(\d)(?!\d).*", re.DOTALL)
_YEAR_LAST = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{4})(?!\d).*", re.DOTALL)
_EPOCH = date(1970, 1, 1)
_UNITS = (1, 10**3, 10**6, 10**9)  # parts of a second in which times since 1970 are counted
_SECONDS = (10**8, 10**11)  # the years 1973 to 5138


def days_of_texts(texts: Iterable[str]) -> list[str] | None:
    """Return the day of each time, as 2024-05-01.

    Times begin with their day: ISO 8601 (2024-05-01, 20240501, 2024-W18-3), as cameras write it (2024:05:01),
    01.05.2024, or 05/01/2024 where one of the days is above 12 and shows the order. Others are as in e-mails
    (1 May 2024 10:00), or seconds, milliseconds, microseconds or nanoseconds since 1970 in UTC.

    Returns:
        One day per text, "" for an empty text and `NO_DAY` for one that is no time; None where at most half of the
        texts that are not empty are times.

    Raises:
        HeatError: where day and month of a time can be exchanged, and no other time shows their order.
    """
    texts = list(texts)
    known = [text for text in dict.fromkeys(texts) if text]
    is_day_first = _is_day_first(known)
    days = {"": ""} | {text: _day_of(text, is_day_first) or NO_DAY for text in known}
    found = [days[text] for text in texts]
    missing, wrong = found.count(""), found.count(NO_DAY)
    return found if 2 * wrong < len(found) - missing else None


def is_time(text: str) -> bool:
    """Tell whether a text is a time, whichever of its day and its month comes first."""
    return any(_day_of(text, is_day_first) for is_day_first in (True, False))


def _day_of(text: str, is_day_first: bool) -> str:
    """Return the day of a time; "" for what is no time."""
    try:
        return _parse_date(text.strip(), is_day_first).isoformat()
    except (ValueError, OverflowError):
        return ""


def _parse_date(text: str, is_day_first: bool) -> date:
    """Parse the day of a time; ValueError for what is no time, or no day of the calendar."""
    if match := _ISO.fullmatch(text) or _ISO_BASIC.fullmatch(text):
        return date(*map(int, match.groups()))
    if match := _ISO_WEEK.fullmatch(text):
        return date.fromisocalendar(*map(int, match.groups()))
    if match := _YEAR_LAST.fullmatch(text):
        day, month = (match[1], match[3]) if is_day_first else (match[3], match[1])
        return date(int(match[4]), int(month), int(day))
    if since := _days_since_epoch(text):
        return _EPOCH + timedelta(since)
    if words := parsedate(text) or parsedate(f"{text} 00:00:00"):
        return date(*words[:3])
    raise ValueError(text)


def _days_since_epoch(text: str) -> int:
    """Return the days since 1970 of a number of seconds or of parts of a second; 0 for other texts."""
    try:
        number = int(text) if text.isdecimal() else float(text)
    except ValueError:
        return 0
    unit = next((unit for unit in _UNITS if _SECONDS[0] <= number / unit < _SECONDS[1]), None)
    return 0 if unit is None else int(number // unit // 86_400)


def _is_day_first(texts: Iterable[str]) -> bool:
    """Tell whether times whose year is last begin with the day, as the numbers above 12 among them show.

    Raises:
        HeatError: where they do not show it. Numbers with points between them are taken to begin with the day.
    """
    unclear, orders = "", set()
    for text in texts:
        if match := _YEAR_LAST.fullmatch(text.strip()):
            first, separator, second = int(match[1]), match[2], int(match[3])
            if (first > 12) != (second > 12):
                orders.add(first > 12)
            elif first != second and separator != ".":
                unclear = unclear or text
    if len(orders) == 1:
        return orders.pop()
    if unclear:
        raise HeatError(
            f"The time {unclear!r} can begin with its day or its month: write times with the year first, such as "
            "2026-05-01."
        )
    return True
