"""Parsing of the cells of a manifest: paths, texts, numbers and boxes, in the forms that various programs write.

A column is an Arrow array: of bytes from a CSV file, of any type from a Parquet file.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from heat_core.data.pyarrow_support import arrow
from heat_core.errors import HeatError
from heat_core.names import printable

#: Texts into which programs turn a missing value, where the format has missing values of its own (Parquet, JSON).
MISSING = frozenset(("", "nan", "NaN", "NAN", "None", "null", "NULL", "NaT", "<NA>"))
#: Texts that programs write into a cell of a CSV file without a value: those that pandas reads as missing.
MISSING_IN_CSV = MISSING | frozenset(
    ("NA", "N/A", "n/a", "#N/A", "#NA", "#N/A N/A", "-nan", "-NaN", "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND")
)
_DOUBTFUL_NAMES = ("NA", "N/A", "n/a", "None", "null", "NULL")  # texts for a missing value that may also be names
_LONGEST = 1000  # characters of a text that are kept
# Numbers in decimal notation. 007 is a name, not a number; more digits than these could be rounded by float64.
_NUMBER = re.compile(r"-?(?:(?:0|[1-9]\d{0,14})(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?")
_WITH_COMMA = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:,\d+)?")
_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,14})")
_ALL_DIGITS = 1e15  # whole numbers below it are written without exponent
#: Names of the edges of a box that is an object.
EDGES = (("x",), ("y",), ("w", "width"), ("h", "height"))
_WHOLE_FLOAT = re.compile(r"(-?(?:0|[1-9]\d{0,14}))\.0*")
_TRUTH = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}


def object_array(texts: Iterable[str]) -> np.ndarray:
    """Make an (n,) array of objects; in numpy's array of characters each text takes as much memory as the longest."""
    return np.array([*texts, ""], object)[:-1]


def column_bytes(column: Any) -> list[bytes]:
    """Return the undecoded texts of a column, b"" for missing values; of objects the texts of their field `path`."""
    pa = arrow()
    if pa.types.is_struct(column.type) and column.type.get_field_index("path") >= 0:  # an image as `datasets` stores it
        column = pa.compute.struct_field(column, "path")
    if is_nested(column.type):
        raise HeatError(f"A path is a text, and the column of paths holds {column.type}: give one row for each image.")
    return _as_bytes(column).fill_null(b"").to_pylist()


def printable_names(names: Sequence[bytes]) -> list[str]:
    """Decode names and make them printable (see `names.printable`)."""
    whole = b"".join(names)
    if whole.isascii() and whole.decode().isprintable():  # the usual case, and faster
        return [name.decode() for name in names]
    return [printable(name.decode(errors="surrogateescape")) for name in names]


def column_texts(column: Any, missing: frozenset[str] = MISSING, convert: Callable[[str], str] = str) -> np.ndarray:
    """Return the (n,) printable texts of a column, stripped of surrounding spaces; "" for missing values.

    Equal texts are one object. A text of more than 1000 characters is cut and ends in "…".

    Args:
        column: Arrow column.
        missing: texts that stand for a missing value.
        convert: function that is applied to every other text.
    """
    coded = _as_bytes(column).dictionary_encode()
    texts = printable_names([raw.strip() for raw in coded.dictionary.to_pylist()])
    kept = [text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…" for text in texts]
    values = np.array([*("" if text in missing else convert(text) for text in kept), ""], object)
    return values[coded.indices.fill_null(len(values) - 1).to_numpy()]


def class_name(text: str) -> str:
    """Return the name of a class in the form that it has whatever type the column of labels has.

    Truth values are `true` and `false`, and whole numbers have no decimal point, as Arrow writes them.
    """
    whole = _WHOLE_FLOAT.fullmatch(text)
    return whole[1] if whole else _TRUTH.get(text, text)


def count_doubtful_names(column: Any) -> dict[str, int]:
    """Count the cells of a column whose text may stand for a missing value or be a name, by text."""
    counts = _as_bytes(column).value_counts()
    pairs = zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)
    words = ((raw.strip().decode(errors="replace"), count) for raw, count in pairs if raw and len(raw) < _LONGEST)
    return {word: count for word, count in words if word in _DOUBTFUL_NAMES}


def _as_bytes(column: Any) -> Any:
    """Cast a column to bytes, because texts may not be UTF-8."""
    pa, column = arrow(), _plain(column)
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return column
    if pa.types.is_fixed_size_binary(column.type) or pa.types.is_binary_view(column.type):
        return column.cast(pa.binary())
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        column = column.cast(pa.string())
    return column.cast(pa.large_binary() if pa.types.is_large_string(column.type) else pa.binary())


def _plain(column: Any) -> Any:
    """Return a column without what Arrow wraps around its values: types of extensions, and dictionaries."""
    pa = arrow()
    column = column.storage if isinstance(column, pa.ExtensionArray) else column
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def is_nested(kind: Any) -> bool:
    """Return whether a column of this Arrow type holds lists, objects or tensors instead of values."""
    pa = arrow()
    kind = kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if pa.types.is_nested(kind):
        return True
    try:
        _as_bytes(pa.array([], kind))
    except pa.ArrowException:  # a type that has no texts
        return True
    return False


def parse_numbers(values: np.ndarray) -> np.ndarray | None:
    """Parse (n,) texts as numbers.

    Returns:
        (n,) int64 if all are whole numbers, else float64 with NaN for missing values; None if one text is no number,
        or if all are missing.
    """
    present = [text for text in values.tolist() if text not in MISSING_IN_CSV]
    if not present or not all(map(_NUMBER.fullmatch, present)):
        return None
    if len(present) == len(values) and all(map(_WHOLE.fullmatch, present)):
        return values.astype(np.int64)
    numbers = to_floats(values)
    return None if np.isinf(numbers).any() else numbers


def has_decimal_commas(values: np.ndarray, decimal_comma: re.Pattern[str]) -> bool | None:
    """Return whether some of (n,) texts are numbers with a decimal comma; None if one is no number or has a point.

    Args:
        values: texts of a column, "" for missing values.
        decimal_comma: pattern of the numbers whose comma can be nothing else.
    """
    present = [text for text in values.tolist() if text]
    if not all(map(_WITH_COMMA.fullmatch, present)):
        return None
    return any(map(decimal_comma.fullmatch, present))


def point_decimals(column: Any) -> Any:
    """Replace the decimal commas of a column by points."""
    return arrow().compute.replace_substring(_as_bytes(column), ",", ".")


def to_floats(values: np.ndarray) -> np.ndarray:
    """Convert (n,) texts of numbers to float64, with NaN for missing values."""
    return np.array(["nan" if text in MISSING_IN_CSV else text for text in values.tolist()], object).astype(np.float64)


def parse_boxes(columns: list[Any], has_corners: bool = False) -> np.ndarray:
    """Parse boxes as (n, 4) x, y, w, h in pixels; NaN for a box that is not four numbers.

    Args:
        columns: one Arrow column of boxes (texts, lists or objects), or four columns of numbers.
        has_corners: whether the four columns are left, top, right and bottom instead of x, y, w, h.
    """
    pa = arrow()
    if len(columns) == 4:
        boxes = np.column_stack([_column_numbers(column) for column in columns])
        boxes[:, 2:] -= boxes[:, :2] if has_corners else 0
        return boxes
    column = _plain(columns[0])
    if pa.types.is_struct(column.type):
        return parse_boxes(_box_fields(column))
    return _boxes_from_lists(column) if is_nested(column.type) else _boxes_from_texts(_as_bytes(column))


def _boxes_from_texts(column: Any) -> np.ndarray:
    """Parse texts like `10,20,30,40`, `[10, 20, 30, 40]`, `(10; 20; 30; 40)` or `10 20 30 40`."""
    boxes = np.full((len(column), 4), np.nan)
    for pattern, translation in ((_FOUR, _SPACED), (_FOUR_WITH_COMMAS, _POINTED)):
        fits = arrow().compute.match_substring_regex(column, pattern).fill_null(False)
        numbers = b" ".join(column.filter(fits).to_pylist()).translate(translation).split()
        boxes[fits.to_numpy(zero_copy_only=False)] = np.array(numbers, np.float64).reshape(-1, 4)
    return boxes


_FLOAT = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_FOUR = r"^\s*[\[(]?\s*" + r"(?:\s*[,;]\s*|\s+)".join([_FLOAT] * 4) + r"\s*[\])]?\s*$"
_SPACED = bytes.maketrans(b"[](),;", b" " * 6)
_FOUR_WITH_COMMAS = r"^\s*[\[(]?\s*" + r"(?:\s*;\s*|\s+)".join([r"-?\d+(?:,\d+)?"] * 4) + r"\s*[\])]?\s*$"
_POINTED = bytes.maketrans(b"[]();,", b"     .")


def _column_numbers(column: Any) -> np.ndarray:
    pa = arrow()
    if is_nested(column.type):
        return np.full(len(column), np.nan)
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_null(column.type):
        return column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    texts = _as_bytes(column)
    fits = pa.compute.match_substring_regex(texts, rf"^\s*{_FLOAT}\s*$").fill_null(False)
    numbers = np.full(len(column), np.nan)
    numbers[fits.to_numpy(zero_copy_only=False)] = np.array(texts.filter(fits).to_pylist(), np.float64)
    return numbers


def _box_fields(column: Any) -> list[Any]:
    """Return the columns x, y, w, h of a column of objects, in this order; a missing one is all null."""
    pa = arrow()
    fields = {column.type.field(i).name.strip().lower(): i for i in range(column.type.num_fields)}
    numbers = [next((fields[name] for name in names if name in fields), None) for names in EDGES]
    return [pa.nulls(len(column)) if i is None else pa.compute.struct_field(column, [i]) for i in numbers]


def _boxes_from_lists(column: Any) -> np.ndarray:
    pa = arrow()
    boxes = np.full((len(column), 4), np.nan)
    fits = pa.compute.equal(pa.compute.list_value_length(column), 4).fill_null(False)
    inner = pa.compute.list_flatten(column.filter(fits))
    boxes[fits.to_numpy(zero_copy_only=False)] = _column_numbers(inner).reshape(-1, 4)
    return boxes


def box_errors(boxes: np.ndarray) -> np.ndarray:
    """Return the (n,) reasons why boxes are invalid, "" for valid ones."""
    numbers = np.isfinite(boxes).all(axis=1)
    sizes = (boxes[:, 2] > 0) & (boxes[:, 3] > 0)
    return np.select([~numbers, ~sizes], ["its box is not four numbers", "its box has no width or height"], "")


def names_with_boxes(names: Iterable[str], boxes: np.ndarray) -> list[str]:
    """Append the box to the name of each crop, as `photo.jpg#xywh=10,20,30,40`; a NaN box appends nothing.

    The notation is that of media fragments (https://www.w3.org/TR/media-frags/).
    """
    if (boxes == np.floor(boxes)).all() and (np.abs(boxes) < _ALL_DIGITS).all():  # gives the same texts, faster
        whole = boxes.astype(np.int64).tolist()
        return [f"{name}#xywh={x},{y},{w},{h}" for name, (x, y, w, h) in zip(names, whole, strict=True)]
    return [_name_with_box(name, *box) for name, box in zip(names, boxes.tolist(), strict=True)]


def _name_with_box(name: str, x: float, y: float, w: float, h: float) -> str:
    return name if np.isnan(x) else f"{name}#xywh={x:.15g},{y:.15g},{w:.15g},{h:.15g}"
