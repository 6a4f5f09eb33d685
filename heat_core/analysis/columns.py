"""What manifests say of samples, as facets: columns with few values, and times by day, month or year."""

import numpy as np

from heat_core.analysis.facets import Facet
from heat_core.analysis.samples import Samples
from heat_core.data.manifest import TIME
from heat_core.runs.metadata_columns import as_texts, days_of

#: Before the name of a column, where it stands among the other facets.
COLUMN = "column:"
MOST_VALUES = 100  # of a column that samples are broken down by
MOST_COLUMNS = 16  # that are
_DAY, _MONTH, _YEAR = 10, 7, 4  # characters of a day, as it is shown


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
    days = days_of(values)
    if days is None:
        return _of_values(as_texts(values))
    parts = (np.array([day[:length] for day in days], object) for length in (_DAY, _MONTH, _YEAR))
    return next((facet for part in parts if (facet := _of_values(part)) is not None), None)
