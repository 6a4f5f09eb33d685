"""What manifests say of samples, as facets: columns with few values, and times by day, month or year."""

import numpy as np

from heat_core.analysis.facets import Facet
from heat_core.analysis.samples import Samples
from heat_core.data.manifest import TIME
from heat_core.runs.metadata_columns import days_of, format_values

#: Before the name of a column, where it stands among the other facets.
COLUMN_PREFIX = "column:"
MAX_VALUES = 100  # of a column that samples are broken down by
MAX_COLUMNS = 16  # that are
_DAY, _MONTH, _YEAR = 10, 7, 4  # characters of a day, as it is shown


def column_facets(samples: Samples) -> dict[str, Facet]:
    """`column:NAME` → what samples break down by, of each column that says something and has few values."""
    facets: dict[str, Facet] = {}
    for name, values in samples.columns.items():
        facet = _facet_of_times(values) if name == TIME else _facet_of_values(format_values(values))
        if facet is not None and len(facets) < MAX_COLUMNS:
            facets[COLUMN_PREFIX + name] = facet
    return facets


def _facet_of_values(texts: np.ndarray) -> Facet | None:
    """The values that there are, in their order; None where there are none, or too many."""
    names = sorted(set(texts.tolist()) - {""}, key=_sort_key)
    if not 0 < len(names) <= MAX_VALUES:
        return None
    number_of = {"": -1} | {name: i for i, name in enumerate(names)}
    return Facet(tuple(names), np.fromiter(map(number_of.__getitem__, texts), int, len(texts)))


def _sort_key(name: str) -> tuple[bool, float, str]:
    """Numbers by their size, then texts."""
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name


def _facet_of_times(values: np.ndarray) -> Facet | None:
    """By day, by month or by year: the finest with few values; as they are, where some are no times."""
    days = days_of(values)
    if days is None:
        return _facet_of_values(format_values(values))
    truncated = (np.array([day[:length] for day in days], object) for length in (_DAY, _MONTH, _YEAR))
    return next((facet for texts in truncated if (facet := _facet_of_values(texts)) is not None), None)
