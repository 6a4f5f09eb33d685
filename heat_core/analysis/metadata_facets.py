"""Facets from the columns of manifests: columns with few values, and times by day, month or year."""

import numpy as np

from heat_core.analysis.facets import Facet
from heat_core.analysis.samples import Samples
from heat_core.data.image_table import TIME
from heat_core.days import NO_DAY
from heat_core.runs.metadata_columns import days_of, format_values

#: Prefix of a column's name among the other facets.
COLUMN_PREFIX = "column:"
MAX_VALUES = 100  # distinct values of a column that becomes a facet
MAX_COLUMNS = 16  # columns that become facets
_DAY, _MONTH, _YEAR = 10, 7, 4  # leading characters of an ISO date that give the day, the month, the year


def column_facets(samples: Samples) -> dict[str, Facet]:
    """Make a facet named `column:NAME` of each column that has values, and few distinct ones."""
    facets: dict[str, Facet] = {}
    for name, values in samples.columns.items():
        facet = _facet_of_times(values) if name == TIME else _facet_of_values(format_values(values))
        if facet is not None and len(facets) < MAX_COLUMNS:
            facets[COLUMN_PREFIX + name] = facet
    return facets


def _facet_of_values(texts: np.ndarray) -> Facet | None:
    """Make a facet of the distinct values, sorted; None where there are none, or more than `MAX_VALUES`."""
    names = sorted(set(texts.tolist()) - {""}, key=_sort_key)
    if not 0 < len(names) <= MAX_VALUES:
        return None
    number_of = {"": -1} | {name: i for i, name in enumerate(names)}
    return Facet(tuple(names), np.fromiter(map(number_of.__getitem__, texts), int, len(texts)))


def _sort_key(name: str) -> tuple[bool, float, str]:
    """Sort numbers by size, before texts."""
    try:
        return False, float(name), name
    except ValueError:
        return True, 0.0, name


def _facet_of_times(values: np.ndarray) -> Facet | None:
    """Group times by day, month or year, the finest with few values; group other values as they are."""
    days = days_of(values)
    if days is None:
        return _facet_of_values(format_values(values))
    truncated = (
        np.array([day if day == NO_DAY else day[:length] for day in days], object) for length in (_DAY, _MONTH, _YEAR)
    )
    return next((facet for texts in truncated if (facet := _facet_of_values(texts)) is not None), None)
