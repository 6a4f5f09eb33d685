"""What manifests say of samples, as facets: columns with few values, and times by day, month or year."""

import re
from datetime import UTC, datetime

import numpy as np

from heat_core.analysis.facets import Facet
from heat_core.analysis.samples import Samples
from heat_core.features.manifest import TIME
from heat_core.runs.further import as_texts

#: Before the name of a column, where it stands among the other facets.
COLUMN = "column:"
MOST_VALUES = 100  # of a column that samples are broken down by
MOST_COLUMNS = 16  # that are
_DATE = re.compile(
    r"(\d{4})[-/:.](\d{2})[-/:.](\d{2})(?!\d).*", re.DOTALL
)  # ISO, with slashes, and as cameras write it
_SECONDS, _MILLISECONDS = (1e8, 1e11), (1e11, 1e14)  # since 1970 in UTC: from 1973 to 5138


def column_facets(samples: Samples) -> dict[str, Facet]:
    """`column:NAME` → what samples break down by, of each column that says something and has few values."""
    found: dict[str, Facet] = {}
    for name, values in samples.columns.items():
        facet = _of_time(values) if name == TIME else _of_values(as_texts(values))
        if facet is not None and len(found) < MOST_COLUMNS:
            found[COLUMN + name] = facet
    return found


def _of_values(texts: np.ndarray) -> Facet | None:
    """The values that there are, in their order; None where there are none, or too many."""
    names = sorted(set(texts.tolist()) - {""}, key=_in_order)
    if not 0 < len(names) <= MOST_VALUES:
        return None
    number_of = {"": -1} | {name: i for i, name in enumerate(names)}
    return Facet(tuple(names), np.fromiter(map(number_of.__getitem__, texts), int, len(texts)))


def _in_order(name: str) -> tuple[bool, float, str]:
    """Numbers by their size, then texts."""
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name


def _of_time(values: np.ndarray) -> Facet | None:
    """By day, by month or by year: the finest with few values; as they are, where some are no times."""
    days = _days(values)
    if days is None:
        return _of_values(as_texts(values))
    parts = (
        np.array([day[:length] for day in days], object) for length in (len("2024-05-01"), len("2024-05"), len("2024"))
    )
    return next((facet for part in parts if (facet := _of_values(part)) is not None), None)


def _days(values: np.ndarray) -> list[str] | None:
    """(N,) the day of each, "" where nothing is said; None where a value is no time."""
    if values.dtype != object:
        return _days_of_numbers(values)
    day_of = {text: _DATE.fullmatch(text) for text in set(values.tolist()) - {""}}
    if not all(day_of.values()):
        return None
    days = {text: "-".join(found.groups()) for text, found in day_of.items() if found}
    return [days.get(text, "") for text in values.tolist()]


def _days_of_numbers(values: np.ndarray) -> list[str] | None:
    known = values[~np.isnan(values)]
    for (low, high), unit in ((_SECONDS, 1), (_MILLISECONDS, 1000)):
        if len(known) and ((low <= known) & (known < high)).all():
            days = {
                time: datetime.fromtimestamp(time // unit, UTC).strftime("%Y-%m-%d") for time in set(known.tolist())
            }
            return [days.get(time, "") for time in values.tolist()]
    return None
