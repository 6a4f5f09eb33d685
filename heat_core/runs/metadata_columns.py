"""What a manifest says of samples beyond what we need: columns of texts and numbers, as arrays of a file and back.

Their names are foreign texts, so that no key of a file is made of them; texts are kept once each, so that one long
text does not make all as long.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from heat_core.data.manifest import TIME
from heat_core.data.manifest_cells import object_array
from heat_core.names import printable

_DATE = re.compile(r"(\d{4})[-/:.](\d{2})[-/:.](\d{2})(?!\d).*", re.DOTALL)  # as in ISO, and as cameras write it
_SECONDS, _MILLISECONDS = (1e8, 1e11), (1e11, 1e14)  # since 1970 in UTC: from 1973 to 5138
Columns = dict[str, np.ndarray]  # name → (N,) int64, float64 (NaN where nothing is said) or texts ("" there)


def to_arrays(columns: Mapping[str, np.ndarray], prefix: str = "") -> dict[str, np.ndarray]:
    """The arrays of a file that hold some columns, their keys behind a prefix."""
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
    """The columns of a file, taken out of its arrays; none where it is from before there were.

    Raises:
        LookupError, TypeError, ValueError: where the arrays are not what `to_arrays` made.
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
    """The columns of sets one after the other, each with how many samples it has: texts where one of them has texts."""
    joined: Columns = {}
    for name in dict.fromkeys(name for _, columns in parts for name in columns):
        given = [columns.get(name, np.full(count, np.nan)) for count, columns in parts]
        texts = any(values.dtype == object for values in given)
        joined[name] = np.concatenate([format_values(values) if texts else values for values in given])
    return joined


def format_values(values: np.ndarray) -> np.ndarray:
    """(N,) a column as it is shown; "" where nothing is said."""
    if values.dtype == object:
        return values
    return object_array(map(_format_value, values.tolist()))


def _format_value(value: float) -> str:
    return "" if value != value else str(value) if isinstance(value, int) else f"{value:.15g}"


def groups_of(columns: Columns, name: str) -> np.ndarray:
    """(N,) the group of each sample by a column, as texts; of `time`, its day. "–" where nothing is said."""
    values = columns[name]
    texts = (days_of(values) if name == TIME else None) or format_values(values).tolist()
    return np.array([printable(text) or "–" for text in texts])


def days_of(values: np.ndarray) -> list[str] | None:
    """(N,) the day of each time, as 2024-05-01, "" where nothing is said; None where a value is no time.

    Times are texts that begin with their day, or seconds or milliseconds since 1970.
    """
    if values.dtype != object:
        return _days_of_numbers(values)
    day_of = {text: _DATE.fullmatch(text) for text in set(values.tolist()) - {""}}
    if not all(day_of.values()):
        return None
    days = {text: "-".join(match.groups()) for text, match in day_of.items() if match}
    return [days.get(text, "") for text in values.tolist()]


def _days_of_numbers(values: np.ndarray) -> list[str] | None:
    known = values[~np.isnan(values)]
    for (low, high), unit in ((_SECONDS, 1), (_MILLISECONDS, 1000)):
        if len(known) and ((low <= known) & (known < high)).all():
            days = {time: f"{datetime.fromtimestamp(time // unit, UTC):%Y-%m-%d}" for time in set(known.tolist())}
            return [days.get(time, "") for time in values.tolist()]
    return None


def are_valid(columns: Mapping[str, np.ndarray], count: int) -> bool:
    """Whether there is one value a sample, all of them texts or all of them numbers."""
    return all(values.shape == (count,) and _have_one_kind(values) for values in columns.values())


def _have_one_kind(values: np.ndarray) -> bool:
    if values.dtype != object:
        return values.dtype.kind in "if"
    return all(isinstance(text, str) for text in set(values.tolist()))
