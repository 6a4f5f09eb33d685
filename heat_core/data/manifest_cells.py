"""What the cells of a manifest hold: paths, texts, numbers, boxes; as strangers' programs write them.

A column comes as Arrow read it: bytes from a CSV file, any type from a Parquet file.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from heat_core.data.pyarrow_support import arrow
from heat_core.names import printable

#: What programs write into a cell that has no value.
MISSING = frozenset(("", "nan", "NaN", "NAN", "None", "null", "NULL", "NaT", "<NA>"))
_LONGEST = 1000  # characters of a text that are kept
# As people write numbers. Not 007, which is a name, nor what float64 would round.
_NUMBER = re.compile(r"-?(?:(?:0|[1-9]\d{0,14})(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?")
_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,14})")
_ALL_DIGITS = 1e15  # whole numbers below it are written out
_EDGES = (("x",), ("y",), ("w", "width"), ("h", "height"))


def object_array(texts: Iterable[str]) -> np.ndarray:
    """(n,) of objects: as an array of characters one long text would make all as long."""
    return np.array([*texts, ""], object)[:-1]  # of nothing numpy would make floats


def column_bytes(column: Any) -> list[bytes]:
    """The texts of a column, undecoded; empty where there is none."""
    return _as_bytes(column).fill_null(b"").to_pylist()


def printable_names(names: Sequence[bytes]) -> list[str]:
    """Names as they can be printed (see `names.printable`)."""
    whole = b"".join(names)
    if whole.isascii() and whole.decode().isprintable():  # as they are, mostly
        return [name.decode() for name in names]
    return [printable(name.decode(errors="surrogateescape")) for name in names]


def column_texts(column: Any) -> np.ndarray:
    """(n,) the texts of a column as they can be printed, without spaces around them; "" where there is none.

    Equal ones are one object; of a very long one the beginning is kept.
    """
    coded = _as_bytes(column).dictionary_encode()
    texts = printable_names([raw.strip() for raw in coded.dictionary.to_pylist()])
    kept = [text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…" for text in texts]
    values = np.array([*("" if text in MISSING else text for text in kept), ""], object)
    return values[coded.indices.fill_null(len(values) - 1).to_numpy()]


def _as_bytes(column: Any) -> Any:
    """The same as bytes, since texts may not be UTF-8."""
    pa = arrow()
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return column
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        column = column.cast(pa.string())
    return column.cast(pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary())


def is_nested(kind: Any) -> bool:
    """Whether a column of this Arrow type holds lists or objects instead of values."""
    return arrow().types.is_nested(kind)


def parse_numbers(values: np.ndarray) -> np.ndarray | None:
    """(n,) texts as numbers: int64 where all are whole, else float64 with NaN where there is none; None where one of
    them is no number, or all are missing."""
    given = [text for text in values.tolist() if text]
    if not given or not all(map(_NUMBER.fullmatch, given)):
        return None
    if len(given) == len(values) and all(map(_WHOLE.fullmatch, given)):
        return values.astype(np.int64)
    numbers = np.where(values == "", "nan", values).astype(np.float64)
    return None if np.isinf(numbers).any() else numbers


def parse_boxes(columns: list[Any]) -> np.ndarray:
    """(n, 4) x, y, w, h of a column of boxes, or of four columns; NaN where a box is not four numbers."""
    pa = arrow()
    if len(columns) == 4:
        return np.column_stack([_column_numbers(column) for column in columns])
    (column,) = columns
    if pa.types.is_struct(column.type):
        return parse_boxes(_box_fields(column))
    return _boxes_from_lists(column) if is_nested(column.type) else _boxes_from_texts(_as_bytes(column))


def _boxes_from_texts(column: Any) -> np.ndarray:
    """`10,20,30,40`, `[10, 20, 30, 40]`, `(10; 20; 30; 40)`, `10 20 30 40`."""
    fits = arrow().compute.match_substring_regex(column, _FOUR).fill_null(False)
    numbers = b" ".join(column.filter(fits).to_pylist()).translate(_SPACED).split()
    found = np.full((len(column), 4), np.nan)
    found[fits.to_numpy(zero_copy_only=False)] = np.array(numbers, np.float64).reshape(-1, 4)
    return found


_FLOAT = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_FOUR = r"^\s*[\[(]?\s*" + r"(?:\s*[,;]\s*|\s+)".join([_FLOAT] * 4) + r"\s*[\])]?\s*$"
_SPACED = bytes.maketrans(b"[](),;", b" " * 6)


def _column_numbers(column: Any) -> np.ndarray:
    pa = arrow()
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_null(column.type):
        return column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    texts = _as_bytes(column)
    fits = pa.compute.match_substring_regex(texts, rf"^\s*{_FLOAT}\s*$").fill_null(False)
    found = np.full(len(column), np.nan)
    found[fits.to_numpy(zero_copy_only=False)] = np.array(texts.filter(fits).to_pylist(), np.float64)
    return found


def _box_fields(column: Any) -> list[Any]:
    """The four fields of a column of objects, whatever their order; such without values for those that it lacks."""
    pa = arrow()
    fields = {column.type.field(i).name.strip().lower(): i for i in range(column.type.num_fields)}
    numbers = [next((fields[name] for name in names if name in fields), None) for names in _EDGES]
    return [pa.nulls(len(column)) if i is None else pa.compute.struct_field(column, [i]) for i in numbers]


def _boxes_from_lists(column: Any) -> np.ndarray:
    pa = arrow()
    found = np.full((len(column), 4), np.nan)
    fits = pa.compute.equal(pa.compute.list_value_length(column), 4).fill_null(False)
    inner = pa.compute.list_flatten(column.filter(fits))
    found[fits.to_numpy(zero_copy_only=False)] = _column_numbers(inner).reshape(-1, 4)
    return found


def box_errors(boxes: np.ndarray) -> np.ndarray:
    """(n,) what is wrong with each box; "" where nothing is."""
    numbers = np.isfinite(boxes).all(axis=1)
    sizes = (boxes[:, 2] > 0) & (boxes[:, 3] > 0)
    return np.select([~numbers, ~sizes], ["its box is not four numbers", "its box has no width or height"], "")


def names_with_boxes(names: Iterable[str], boxes: np.ndarray) -> list[str]:
    """Names of crops: those of the files, with the box as addresses of parts of pictures have it
    (https://www.w3.org/TR/media-frags/); without one where a box is NaN."""
    if (boxes == np.floor(boxes)).all() and (np.abs(boxes) < _ALL_DIGITS).all():  # the same texts, faster
        whole = boxes.astype(np.int64).tolist()
        return [f"{name}#xywh={x},{y},{w},{h}" for name, (x, y, w, h) in zip(names, whole, strict=True)]
    return [_name_with_box(name, *box) for name, box in zip(names, boxes.tolist(), strict=True)]


def _name_with_box(name: str, x: float, y: float, w: float, h: float) -> str:
    return name if np.isnan(x) else f"{name}#xywh={x:.15g},{y:.15g},{w:.15g},{h:.15g}"
