"""Manifests: CSV or Parquet files that list images, one per row.

The column `path` holds the path of each image, relative to the manifest's own folder. The columns `label`, `split`,
`set`, `group`, `time` and `box` (x, y, w, h in pixels; or four columns of these names) are optional; any other column
is kept as metadata of the image. Invalid rows are counted and left out, and the first of them are named.
"""

import codecs
import csv
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.manifest_cells import (
    box_errors,
    column_bytes,
    column_texts,
    is_nested,
    object_array,
    parse_boxes,
    parse_numbers,
)
from heat_core.data.pyarrow_support import arrow
from heat_core.data.skipped_rows import SkippedRows
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import is_file

MANIFEST_SUFFIXES = (".csv", ".parquet")
_PATH, _BOX = "path", "box"
#: Columns of texts that this package interprets; columns of other names are kept as metadata.
LABEL, SPLIT, SET, GROUP, TIME = "label", "split", "set", "group", "time"
_KNOWN = (_PATH, LABEL, SPLIT, SET, GROUP, TIME, _BOX)
_NEVER_NUMBERS = (LABEL, SPLIT, SET, GROUP)
_EDGES = ("x", "y", "w", "h")
_DELIMITERS = (",", ";", "\t")  # spreadsheets write ; if their numbers have a decimal comma
_MOST_COLUMNS = 32  # columns of other names that are kept
_INDEX = ("__index_level_", "Unnamed: ")  # prefixes of names that pandas gives to columns without a name


def is_manifest(path: Path) -> bool:
    """Return whether a path is a file with the ending of a manifest."""
    return path.suffix.lower() in MANIFEST_SUFFIXES and is_file(path)


@dataclass(frozen=True)
class ManifestBlock:
    """Valid rows of a manifest.

    Attributes:
        rows: (n,) number of each row in the file, as a spreadsheet counts.
        paths: path of each row as the file holds it, in bytes.
        boxes: (n, 4) x, y, w, h in pixels, or None if the manifest has no boxes.
        texts: name of a column → (n,) texts, "" for missing values.
    """

    rows: np.ndarray
    paths: list[bytes]
    boxes: np.ndarray | None
    texts: dict[str, np.ndarray]


class Manifest:
    """Manifest whose header was read and checked.

    Args:
        path: path of the CSV or Parquet file.

    Attributes:
        path: path of the file.
        names: names of the columns of texts, columns with a meaning first.
        has_boxes: whether the images are boxes of the files.
        notes: sentences about columns.

    Raises:
        HeatError: if the file is damaged, or if its columns are missing or ambiguous.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._folder = os.path.join(os.fsencode(path.resolve().parent), b"")
        self._csv = path.suffix.lower() != ".parquet"
        with _explain_read_errors(path):
            read_header = _read_csv_header if self._csv else _read_parquet_header
            self._delimiter, self._column_names, nested = read_header(path)
        indices, self.notes = _find_columns(self._column_names, nested, path)
        self._path_index = indices.pop(_PATH)
        box_columns = (_BOX,) if _BOX in indices else _EDGES if set(_EDGES) <= set(indices) else ()
        self._box_indices = [indices.pop(name) for name in box_columns]
        self._text_indices, self.names, self.has_boxes = indices, list(indices), bool(self._box_indices)

    def resolve_paths(self, paths: list[bytes]) -> list[bytes]:
        """Resolve paths of rows relative to the manifest's folder."""
        if os.sep == "/":  # gives what `os.path.join` gives, in a tenth of the time
            return [path if path[:1] == b"/" else self._folder + path for path in paths]
        return [os.path.join(self._folder, path) for path in paths]

    def blocks(self, skipped: SkippedRows) -> Iterator[ManifestBlock]:
        """Yield the valid rows block by block.

        Args:
            skipped: receives the invalid rows.

        Raises:
            HeatError: if the file is damaged, or if its boxes are not in pixels.
        """
        largest, box_count = 0.0, 0
        with _explain_read_errors(self.path):
            for batch, numbers in self._batches(skipped):
                block = self._build_block(batch, numbers, skipped)
                if block.boxes is not None:
                    largest = max(largest, block.boxes.max(initial=0))
                    box_count += len(block.boxes)
                yield block
        if box_count and largest <= 1:
            raise HeatError(
                f"No box of {printable(self.path)} reaches beyond one pixel: they seem to be shares of the image. "
                "Give x, y, w, h in pixels."
            )

    def _build_block(self, batch: dict[int, Any], rows: np.ndarray, skipped: SkippedRows) -> ManifestBlock:
        paths = column_bytes(batch[self._path_index])
        boxes = parse_boxes([batch[i] for i in self._box_indices]) if self._box_indices else None
        texts = {name: column_texts(batch[i]) for name, i in self._text_indices.items()}
        why = _path_errors(paths)
        if boxes is not None:
            why = np.where(why == "", box_errors(boxes), why)
        wrong = why != ""
        if wrong.any():
            skipped.add_all(self.path, rows[wrong], why[wrong].tolist())
            keep = ~wrong
            rows, boxes = rows[keep], boxes[keep] if boxes is not None else None
            paths = [path for path, fine in zip(paths, keep.tolist(), strict=True) if fine]
            texts = {name: values[keep] for name, values in texts.items()}
        return ManifestBlock(rows, paths, boxes, texts)

    def _batches(self, skipped: SkippedRows) -> Iterator[tuple[dict[int, Any], np.ndarray]]:
        """Yield batches: index of a column in the file → Arrow column, and the row numbers."""
        wanted = sorted({self._path_index, *self._box_indices, *self._text_indices.values()})
        return self._read_csv_batches(wanted, skipped) if self._csv else self._read_parquet_batches(wanted)

    def _read_parquet_batches(self, wanted: list[int]) -> Iterator[tuple[dict[int, Any], np.ndarray]]:
        names, row = [self._column_names[i] for i in wanted], 1
        with arrow().parquet.ParquetFile(self.path) as file:
            for batch in file.iter_batches(columns=names):
                positions = [batch.schema.get_all_field_indices(name)[0] for name in names]
                columns = {i: batch.column(position) for i, position in zip(wanted, positions, strict=True)}
                yield columns, np.arange(row, row + len(batch))
                row += len(batch)

    def _read_csv_batches(self, wanted: list[int], skipped: SkippedRows) -> Iterator[tuple[dict[int, Any], np.ndarray]]:
        """Read the columns as bytes, because Arrow would infer a column's type from its first rows alone."""
        pa, skipped_numbers, done = arrow(), list[int](), 0

        def skip(row: Any) -> str:
            skipped_numbers.append(row.number)
            start = printable((row.text or "")[:60])
            why = f"{row.actual_columns} columns instead of {row.expected_columns}: {start}"
            skipped.add(self.path, row.number, why)
            return "skip"

        names = [str(i) for i in range(len(self._column_names))]
        kept = [names[i] for i in wanted]
        reader = pa.csv.open_csv(
            self.path,
            read_options=pa.csv.ReadOptions(column_names=names, skip_rows_after_names=1, use_threads=False),
            parse_options=pa.csv.ParseOptions(
                delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=pa.csv.ConvertOptions(include_columns=kept, column_types=dict.fromkeys(kept, pa.binary())),
        )
        for batch in reader:
            good = np.arange(done, done + len(batch)) + 2  # as if no row had been skipped; the header is row 1
            before = np.searchsorted(np.array(skipped_numbers) - np.arange(len(skipped_numbers)), good, side="right")
            yield {i: batch.column(name) for i, name in zip(wanted, kept, strict=True)}, good + before
            done += len(batch)


def whole_column(name: str, parts: Sequence[np.ndarray]) -> np.ndarray:
    """Join the blocks of a column to (N,) texts, or to numbers if all are and the column is not one of names.

    Args:
        name: name of the column; `label`, `split`, `set` and `group` always stay texts.
        parts: texts of the column, block by block.
    """
    whole = np.concatenate(parts)
    numbers = None if name in _NEVER_NUMBERS else parse_numbers(whole)
    return whole if numbers is None else numbers


@contextmanager
def _explain_read_errors(path: Path) -> Iterator[None]:
    """Turn the errors of reading a damaged or unsuitable manifest into a HeatError."""
    try:
        yield
    except (arrow().ArrowException, csv.Error, OSError, UnicodeDecodeError) as error:
        why = printable((str(error).splitlines() or [type(error).__name__])[0])
        raise HeatError(f"{printable(path)} cannot be read as {path.suffix[1:].upper()}: {why}") from error


def _read_csv_header(path: Path) -> tuple[str, list[str], set[int]]:
    """Read the delimiter and the column names of a CSV file; the set of nested columns is empty."""
    with open(path, "rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise HeatError(f"{printable(path)} is written in UTF-16: save it as CSV in UTF-8.")
    headers = {delimiter: _first_row(path, delimiter) for delimiter in _DELIMITERS}
    for delimiter, names in headers.items():
        if any(name.strip().lower() == _PATH for name in names):
            return delimiter, names, set()
    return _DELIMITERS[0], headers[_DELIMITERS[0]], set()


def _first_row(path: Path, delimiter: str) -> list[str]:
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        for row in csv.reader(file, delimiter=delimiter):
            if row:
                return row
    raise HeatError(f"{printable(path)} cannot be read as CSV: it is empty.")


def _read_parquet_header(path: Path) -> tuple[str, list[str], set[int]]:
    """Read the column names of a Parquet file, and the indices of nested columns; the delimiter is empty."""
    with arrow().parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        return "", list(schema.names), {i for i, kind in enumerate(schema.types) if is_nested(kind)}


def _find_columns(header: Sequence[str], nested: set[int], path: Path) -> tuple[dict[str, int], list[str]]:
    """Find the columns that are read.

    Returns:
        name → index of the column in the file, columns with a meaning first; and sentences about columns.
    """
    names = [printable(name.strip()) for name in header]
    lower = [name.lower() for name in names]
    edges = _EDGES if set(_EDGES) <= set(lower) and _BOX not in lower else ()
    known_names = [name for name in (*_KNOWN, *edges) if name in lower]
    if _PATH not in known_names:
        shown = ", ".join(names[:8])
        raise HeatError(f"{printable(path)} has no column `path`, only {shown}: name the one with the files `path`.")
    if twice := [name for name in known_names if lower.count(name) > 1]:
        raise HeatError(f"{printable(path)} has more than one column `{twice[0]}`: leave one.")
    others: dict[str, int] = {}
    for i, name in enumerate(names):
        if lower[i] not in known_names and name and not name.startswith(_INDEX):
            others.setdefault(name, i)
    notes = ["Its columns x, y, w and h are boxes in pixels: the images are crops of the files."] if edges else []
    known = {name: lower.index(name) for name in known_names}
    if left := [name for name, i in (known | others).items() if i in nested and name not in (_PATH, _BOX)]:
        notes.append(f"Columns of lists or objects are left out: {', '.join(left[:5])}.")
    known, others = ({name: i for name, i in indices.items() if name not in left} for indices in (known, others))
    if len(others) > _MOST_COLUMNS:
        notes.append(f"Of its {len(others)} further columns the first {_MOST_COLUMNS} are kept.")
    return known | dict(list(others.items())[:_MOST_COLUMNS]), notes


def _path_errors(paths: list[bytes]) -> np.ndarray:
    """Return the (n,) reasons why paths are invalid, "" for valid ones; a missing path is empty."""
    whole = b"\n".join(paths).lower()
    if b"" not in paths and b"\0" not in whole and not any(end in whole for end in _ENDINGS):
        return np.full(len(paths), "", object)
    return object_array(map(_path_error, paths))


def _path_error(path: bytes) -> str:
    if not path or b"\0" in path:
        return "no path"
    return "a manifest, no image" if path.lower().endswith(_ENDINGS) else ""


_ENDINGS = tuple(end.encode() for end in MANIFEST_SUFFIXES)
