"""Manifests: tables in a file that list images, one per row.

The column `path` holds the path of each image, relative to the manifest's own folder. The columns `label`, `split`,
`set`, `group`, `time` and boxes are optional; any other column is kept as metadata of the image. Invalid rows are
counted and left out, and the first of them are named.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.formats.csv_rows import CsvRows
from heat_core.data.formats.imglist_rows import IMGLIST_SUFFIX, ImglistRows, image_roots
from heat_core.data.formats.json_rows import JsonRows
from heat_core.data.formats.parquet_rows import ParquetRows
from heat_core.data.formats.row_paths import RowPaths
from heat_core.data.formats.table_columns import find_columns
from heat_core.data.formats.table_rows import TableRows, explain_read_errors
from heat_core.data.image_table import LABEL, NAMES, TableBlock
from heat_core.data.manifest_cells import (
    box_errors,
    class_name,
    column_bytes,
    column_texts,
    count_doubtful_names,
    has_decimal_commas,
    parse_boxes,
    point_decimals,
)
from heat_core.data.skipped_rows import SkippedRows
from heat_core.errors import HeatError
from heat_core.names import printable

# Ending → the reader of the format, and how messages call it; all others are CSV.
_READERS: dict[str, tuple[Callable[[Path], TableRows], str]] = {
    ".parquet": (ParquetRows, "PARQUET"),
    **dict.fromkeys((".jsonl", ".ndjson", ".jsonl.gz"), (JsonRows, "JSON Lines")),
    IMGLIST_SUFFIX: (ImglistRows, "an imglist"),
}


def open_rows(path: Path) -> tuple[TableRows, str]:
    """Open the rows of a table in the format that its name says; also returns the name of the format.

    Raises:
        HeatError: if the file is damaged.
    """
    ending = next((end for end in _READERS if path.name.lower().endswith(end)), "")
    read, kind = _READERS.get(ending, (CsvRows, "CSV"))
    with explain_read_errors(path, kind):
        return read(path), kind


class Manifest:
    """Manifest whose header was read and checked.

    Args:
        path: path of the file.
        root: folder to which the paths may be relative, if there are no such images beside the file.

    Attributes:
        path: path of the file.
        names: names of the columns of texts, columns with a meaning first.
        has_boxes: whether the images are boxes of the files.
        notes: sentences about columns; complete once `blocks` is exhausted.

    Raises:
        HeatError: if the file is damaged, or if its columns are missing or ambiguous.
    """

    def __init__(self, path: Path, root: Path | None = None) -> None:
        roots = [root] if root else []
        if path.name.lower().endswith(IMGLIST_SUFFIX):
            roots += image_roots(path)
        self.path, self._paths = path, RowPaths(path, roots)
        self._table, self._kind = open_rows(path)
        self._columns = find_columns(self._table.header, self._table.nested, path)
        self.names, self.has_boxes = list(self._columns.texts), bool(self._columns.boxes)
        self.notes, self._doubtful = list(self._columns.notes), {name: Counter[str]() for name in NAMES}
        self._pointed = set[int]()

    @property
    def folder(self) -> bytes:
        """Folder that the paths are relative to; known once a block was read."""
        return self._paths.folder

    def resolve_paths(self, paths: list[bytes]) -> list[bytes]:
        """Resolve paths of rows relative to the manifest's folder."""
        return self._paths.resolve(paths)

    def blocks(self, skipped: SkippedRows) -> Iterator[TableBlock]:
        """Yield the valid rows block by block.

        Args:
            skipped: receives the invalid rows.

        Raises:
            HeatError: if the file is damaged, or if its boxes are not in pixels.
        """
        largest, box_count = 0.0, 0
        wanted = sorted({self._columns.path, *self._columns.boxes, *self._columns.texts.values()})
        with explain_read_errors(self.path, self._kind):
            if self._table.decimal_comma:
                self._pointed = self._find_decimal_commas(self._table.decimal_comma)
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
        self.notes += self._notes_on_doubtful_names()

    def _find_decimal_commas(self, pattern: re.Pattern[str]) -> set[int]:
        """Return the columns, also of boxes, that hold nothing but numbers, some with a decimal comma."""
        columns = self._columns.boxes if len(self._columns.boxes) > 1 else []
        candidates = {*columns, *(i for name, i in self._columns.texts.items() if name not in NAMES)}
        has_commas = dict.fromkeys(candidates, False)
        for batch, _ in self._table.batches(sorted(candidates), SkippedRows()) if candidates else ():
            for i in list(has_commas):
                commas = has_decimal_commas(column_texts(batch[i], self._table.missing), pattern)
                if commas is None:
                    del has_commas[i]
                else:
                    has_commas[i] |= commas
            if not has_commas:
                break
        return {i for i, commas in has_commas.items() if commas}

    def _build_block(self, batch: dict[int, Any], rows: np.ndarray, skipped: SkippedRows) -> TableBlock:
        batch = batch | {i: point_decimals(batch[i]) for i in self._pointed}
        paths, why = self._paths.check(column_bytes(batch[self._columns.path]))
        boxes = None
        if self.has_boxes:
            boxes = parse_boxes([batch[i] for i in self._columns.boxes], self._columns.has_corners)
            why = np.where(why == "", box_errors(boxes), why)
        texts = {name: self._read_texts(name, batch[i]) for name, i in self._columns.texts.items()}
        wrong = why != ""
        if wrong.any():
            skipped.add_all(self.path, rows[wrong], why[wrong].tolist())
            keep = ~wrong
            rows, boxes = rows[keep], boxes[keep] if boxes is not None else None
            paths = [path for path, fine in zip(paths, keep.tolist(), strict=True) if fine]
            texts = {name: values[keep] for name, values in texts.items()}
        return TableBlock(rows, paths, boxes, texts)

    def _read_texts(self, name: str, column: Any) -> np.ndarray:
        if name in NAMES:
            self._doubtful[name].update(count_doubtful_names(column))
        return column_texts(column, self._table.missing, class_name if name == LABEL else str)

    def _notes_on_doubtful_names(self) -> list[str]:
        counts = [(name, word, n) for name, words in self._doubtful.items() for word, n in words.items()]
        meaning = {True: "no value", False: "a name"}
        return [
            f"In its column `{name}` the text {word} is read as {meaning[word in self._table.missing]} ({n:,} rows)."
            for name, word, n in counts
        ]
