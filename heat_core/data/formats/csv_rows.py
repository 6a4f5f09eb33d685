"""Rows of a CSV file."""

import codecs
import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.pyarrow_support import arrow
from heat_core.data.skipped_rows import SkippedRows
from heat_core.errors import HeatError
from heat_core.names import printable

_DELIMITERS = (",", ";", "\t")  # spreadsheets write ; if their numbers have a decimal comma


class CsvRows:
    """Rows of a CSV file whose header was read (see `table_rows.TableRows`).

    Args:
        path: path of the file.
        wanted: name of a column, in lower case, by which the delimiter is found.
    """

    def __init__(self, path: Path, wanted: str) -> None:
        self._path, self.nested = path, set[int]()
        self._delimiter, self.header = _read_header(path, wanted)

    def batches(self, wanted: list[int], skipped: SkippedRows) -> Iterator[tuple[dict[int, Any], np.ndarray]]:
        """Read the columns as bytes, because Arrow would infer a column's type from its first rows alone."""
        pa, skipped_numbers, done = arrow(), list[int](), 0

        def skip(row: Any) -> str:
            skipped_numbers.append(row.number)
            start = printable((row.text or "")[:60])
            why = f"{row.actual_columns} columns instead of {row.expected_columns}: {start}"
            skipped.add(self._path, row.number, why)
            return "skip"

        names = [str(i) for i in range(len(self.header))]
        kept = [names[i] for i in wanted]
        reader = pa.csv.open_csv(
            self._path,
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


def _read_header(path: Path, wanted: str) -> tuple[str, list[str]]:
    """Read the delimiter and the column names of a CSV file."""
    with open(path, "rb") as file:
        if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            raise HeatError(f"{printable(path)} is written in UTF-16: save it as CSV in UTF-8.")
    headers = {delimiter: _first_row(path, delimiter) for delimiter in _DELIMITERS}
    for delimiter, names in headers.items():
        if any(name.strip().lower() == wanted for name in names):
            return delimiter, names
    return _DELIMITERS[0], headers[_DELIMITERS[0]]


def _first_row(path: Path, delimiter: str) -> list[str]:
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        for row in csv.reader(file, delimiter=delimiter):
            if row:
                return row
    raise HeatError(f"{printable(path)} cannot be read as CSV: it is empty.")
