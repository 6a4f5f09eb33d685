"""Further columns of a manifest, with texts or numbers: their conversion to arrays of a file and back.

Column names are arbitrary texts, so that they are not used as keys of a file. Each distinct text is stored once, so
that one long text does not enlarge the entries of all samples.
"""

import json
from collections.abc import Mapping, Sequence

import numpy as np

from heat_core.data.image_table import TIME
from heat_core.data.manifest_cells import object_array
from heat_core.days import NO_DAY, days_of_texts, is_time
from heat_core.errors import HeatError
from heat_core.names import printable, shortlist

Columns = dict[str, np.ndarray]  # name → (N,) int64, float64 (NaN where missing) or texts ("" where missing)


def to_arrays(columns: Mapping[str, np.ndarray], prefix: str = "") -> dict[str, np.ndarray]:
    """Convert columns to the arrays of a file, with a prefix before their keys."""
    if not columns:
        return {}
    arrays = {f"{prefix}columns": np.array(json.dumps(list(columns)))}
    for i, values in enumerate(columns.values()):
        if values.dtype != object:
            arrays[f"{prefix}column-{i}"] = values
            continue
        texts = {text: code for code, text in enumerate(dict.fromkeys(values.tolist()))}
        arrays[f"{prefix}column-{i}"] = np.fromiter(map(texts.__getitem__, values), np.int32, len(values))
        arrays[f"{prefix}texts-{i}"] = np.frombuffer(json.dumps(list(texts)).encode(), np.uint8)
    return arrays


def from_arrays(arrays: dict[str, np.ndarray], prefix: str = "") -> Columns:
    """Remove the columns from the arrays of a file and return them; {} where an older version wrote the file.

    Raises:
        LookupError, TypeError, ValueError: where the arrays are not in the form of `to_arrays`.
    """
    columns: Columns = {}
    if f"{prefix}columns" not in arrays:
        return columns
    for i, name in enumerate(json.loads(str(arrays.pop(f"{prefix}columns")))):
        values = arrays.pop(f"{prefix}column-{i}")
        if f"{prefix}texts-{i}" in arrays:
            texts = json.loads(arrays.pop(f"{prefix}texts-{i}").tobytes())
            values = object_array(texts)[values]
        columns[str(name)] = values
    return columns


def concatenate(parts: Sequence[tuple[int, Columns]]) -> Columns:
    """Concatenate the columns of sets, each given with its number of samples.

    A column is text where it is text in one of the sets; samples of a set that lacks it have NaN or "".
    """
    joined: Columns = {}
    for name in dict.fromkeys(name for _, columns in parts for name in columns):
        given = [columns.get(name, np.full(count, np.nan)) for count, columns in parts]
        texts = any(values.dtype == object for values in given)
        joined[name] = np.concatenate([format_values(values) if texts else values for values in given])
    return joined


def format_values(values: np.ndarray) -> np.ndarray:
    """Format an (N,) column for display; "" where a value is missing."""
    if values.dtype == object:
        return values
    return object_array(map(_format_value, values.tolist()))


def _format_value(value: float) -> str:
    return "" if value != value else str(value) if isinstance(value, int) else f"{value:.15g}"


def groups_of(columns: Columns, name: str) -> np.ndarray:
    """Return the (N,) group of each sample by a column, as text; "–" where a value is missing.

    Groups of the column `time` are days, where its values are times; those that are no times are one group.

    Raises:
        HeatError: where the values of `time` are neither days nor a few names.
    """
    texts = format_values(columns[name]).tolist()
    if name == TIME:
        texts = _days_or_names(texts)
    return np.array([printable(text) or "–" for text in texts])


def _days_or_names(texts: list[str]) -> list[str]:
    """Return the day of each time, or the texts themselves where they are names such as morning and evening."""
    known = [text for text in texts if text]
    names = sorted(set(known))
    days = days_of_texts(texts)
    if days is None:
        if 2 * len(names) > max(len(known), 2):
            example = next((name for name in names if not is_time(name)), names[0])
            raise HeatError(
                f"The column {TIME} cannot be grouped by day: {example!r} is no time that is recognised; write "
                "2026-05-01 or seconds since 1970, or choose another column."
            )
        return texts
    wrong = list(dict.fromkeys(text for text, day in zip(texts, days, strict=True) if day == NO_DAY))
    return [f"{NO_DAY} ({shortlist(wrong, most=2)})" if day == NO_DAY else day for day in days]


def days_of(values: np.ndarray) -> list[str] | None:
    """Return the (N,) day of each time (see `days.days_of_texts`); None where the values are not times."""
    try:
        return days_of_texts(format_values(values).tolist())
    except HeatError:  # day and month can be exchanged
        return None


def are_valid(columns: Mapping[str, np.ndarray], count: int) -> bool:
    """Tell whether every column has one value per sample, all of them texts or all of them numbers."""
    return all(values.shape == (count,) and _have_one_kind(values) for values in columns.values())


def _have_one_kind(values: np.ndarray) -> bool:
    if values.dtype != object:
        return values.dtype.kind in "if"
    return all(isinstance(text, str) for text in set(values.tolist()))
