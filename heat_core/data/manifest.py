"""Manifests: CSV or Parquet files that list images, one per row.

The column `path` holds the path of each image, relative to the manifest's own folder. The columns `label`, `split`,
`set`, `group`, `time` and `box` (x, y, w, h in pixels; or four columns of these names) are optional; any other column
is kept as metadata of the image. Invalid rows are counted and left out, and the first of them are named.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.formats.csv_rows import CsvRows
from heat_core.data.formats.parquet_rows import ParquetRows
from heat_core.data.formats.table_rows import TableRows, explain_read_errors
from heat_core.data.image_table import GROUP, LABEL, SET, SPLIT, TIME, TableBlock
from heat_core.data.manifest_cells import box_errors, column_bytes, column_texts, object_array, parse_boxes
from heat_core.data.skipped_rows import SkippedRows
from heat_core.errors import HeatError
from heat_core.names import printable

MANIFEST_SUFFIXES = (".csv", ".parquet")
_PATH, _BOX = "path", "box"
_KNOWN = (_PATH, LABEL, SPLIT, SET, GROUP, TIME, _BOX)
_EDGES = ("x", "y", "w", "h")
_MOST_COLUMNS = 32  # columns of other names that are kept
_INDEX = ("__index_level_", "Unnamed: ")  # prefixes of names that pandas gives to columns without a name


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
        self._kind = path.suffix[1:].upper()
        with explain_read_errors(path, self._kind):
            self._table: TableRows = ParquetRows(path) if self._kind == "PARQUET" else CsvRows(path, _PATH)
        indices, self.notes = _find_columns(self._table.header, self._table.nested, path)
        self._path_index = indices.pop(_PATH)
        box_columns = (_BOX,) if _BOX in indices else _EDGES if set(_EDGES) <= set(indices) else ()
        self._box_indices = [indices.pop(name) for name in box_columns]
        self._text_indices, self.names, self.has_boxes = indices, list(indices), bool(self._box_indices)

    def resolve_paths(self, paths: list[bytes]) -> list[bytes]:
        """Resolve paths of rows relative to the manifest's folder."""
        if os.sep == "/":  # gives what `os.path.join` gives, in a tenth of the time
            return [path if path[:1] == b"/" else self._folder + path for path in paths]
        return [os.path.join(self._folder, path) for path in paths]

    def blocks(self, skipped: SkippedRows) -> Iterator[TableBlock]:
        """Yield the valid rows block by block.

        Args:
            skipped: receives the invalid rows.

        Raises:
            HeatError: if the file is damaged, or if its boxes are not in pixels.
        """
        largest, box_count = 0.0, 0
        wanted = sorted({self._path_index, *self._box_indices, *self._text_indices.values()})
        with explain_read_errors(self.path, self._kind):
            for batch, numbers in self._table.batches(wanted, skipped):
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

    def _build_block(self, batch: dict[int, Any], rows: np.ndarray, skipped: SkippedRows) -> TableBlock:
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
        return TableBlock(rows, paths, boxes, texts)


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
