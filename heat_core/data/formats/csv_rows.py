"""Rows of a CSV file: the values separated by commas, semicolons or tabs, also compressed with gzip."""

import codecs
import csv
import io
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.formats.csv_quotes import check_quotes, count_lines, looks_like_row
from heat_core.data.formats.table_columns import find_path_column
from heat_core.data.formats.text_lines import is_compressed, iter_lines, open_bytes, require_utf8
from heat_core.data.image_io import suffixes
from heat_core.data.manifest_cells import MISSING_IN_CSV
from heat_core.data.pyarrow_support import arrow
from heat_core.data.skipped_rows import SkippedRows
from heat_core.errors import HeatError
from heat_core.names import printable

_DELIMITERS = (",", ";", "\t")  # spreadsheets write ; if their numbers have a decimal comma
# Delimiter → numbers whose comma is decimal. Beside ; it always is, while beside tabs that of 1,234 may be another.
_DECIMAL_COMMAS = {";": re.compile(r".+,.+"), "\t": re.compile(r"(?!-?[1-9]\d{0,2},\d{3}$).+,.+")}
# Columns by which the tables of `heat score`, of the Inspect page and of `heat_core.exchange` are known, whose texts
# `names.escape_formula` escaped.
_ESCAPED_TABLES = (
    {"path", "score", "p_value", "unknown", "predicted", "confidence"},
    {"set", "id", "path", "taken_for", "confidence"},
    {"file_name", "key", "predicted_class", "p", "threshold"},
)
_ESCAPED = r"^'( *[=+\-@\t\r\n|%])"
_SPACED = r'(?s)^ +"(.*)" *$'  # a quoted cell that begins with a space
# A first line that names the delimiter to Excel.
_NAMED_DELIMITER = re.compile(rb'"?sep=([^"\x80-\xff])"?', re.IGNORECASE)


class CsvRows:
    """Rows of a CSV file whose header was read (see `table_rows.TableRows`).

    Args:
        path: path of the file. The delimiter is the one with which the file has a column of paths.
    """

    missing = MISSING_IN_CSV

    def __init__(self, path: Path) -> None:
        self._path, self.nested = path, set[int]()
        self._delimiter, self.header, self._skip = _read_header(path)
        self.decimal_comma = _DECIMAL_COMMAS.get(self._delimiter)
        is_escaped = any(columns <= set(self.header) for columns in _ESCAPED_TABLES)
        self._unquoted = [*([_ESCAPED] if is_escaped else []), *([_SPACED] if _has_spaced_quotes(path) else [])]
        if is_escaped:
            self.header = [re.sub(_ESCAPED, r"\1", name) for name in self.header]

    def batches(self, wanted: list[int], skipped: SkippedRows) -> Iterator[tuple[dict[int, Any], np.ndarray]]:
        """Read the columns as bytes, because Arrow would infer a column's type from its first rows alone.

        Raises:
            HeatError: if a quote makes rows a part of a cell.
        """
        try:
            row_count = yield from self._read(wanted, skipped)
        except arrow().ArrowException:
            self._check_quotes()  # which may be the reason
            raise
        if row_count + 1 != count_lines(self._path, self._delimiter, self._skip):  # some cells have several lines
            self._check_quotes()

    def _check_quotes(self) -> None:
        path_index = find_path_column(self.header) or 0
        folder, endings = self._path.parent, suffixes()

        def is_row(cells: list[str]) -> bool:
            return looks_like_row(cells, len(self.header), path_index, folder, endings)

        check_quotes(self._path, self._delimiter, self._skip, is_row)

    def _read(self, wanted: list[int], skipped: SkippedRows) -> Generator[tuple[dict[int, Any], np.ndarray], None, int]:
        """Yield the batches, and return the number of all rows."""
        pa, skipped_numbers, done = arrow(), list[int](), 0

        def skip(row: Any) -> str:
            skipped_numbers.append(row.number - self._skip)
            start = printable((row.text or "")[:60])
            why = f"{row.actual_columns} columns instead of {row.expected_columns}: {start}"
            skipped.add(self._path, row.number - self._skip, why)
            return "skip"

        names = [str(i) for i in range(len(self.header))]
        kept = [names[i] for i in wanted]
        reader = pa.csv.open_csv(
            pa.input_stream(self._path, compression="gzip") if is_compressed(self._path) else self._path,
            read_options=pa.csv.ReadOptions(
                column_names=names, skip_rows=self._skip, skip_rows_after_names=1, use_threads=False
            ),
            parse_options=pa.csv.ParseOptions(
                delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=skip
            ),
            convert_options=pa.csv.ConvertOptions(include_columns=kept, column_types=dict.fromkeys(kept, pa.binary())),
        )
        for batch in reader:
            good = np.arange(done, done + len(batch)) + 2  # as if no row had been skipped; the header is row 1
            before = np.searchsorted(np.array(skipped_numbers) - np.arange(len(skipped_numbers)), good, side="right")
            columns = {i: batch.column(name) for i, name in zip(wanted, kept, strict=True)}
            yield {i: self._unquote(column) for i, column in columns.items()}, good + before
            done += len(batch)
        return done + len(skipped_numbers)

    def _unquote(self, column: Any) -> Any:
        """Undo `names.escape_formula` in a table that this program wrote, and remove quotes behind a space."""
        for pattern in self._unquoted:
            column = arrow().compute.replace_substring_regex(column, pattern, r"\1")
        return column


def _has_spaced_quotes(path: Path) -> bool:
    """Return whether a space stands between a delimiter and a quote at the start of a file."""
    with open_bytes(path) as file:
        return re.search(rb'[,;\t] +"', file.read(2**16)) is not None


def _read_header(path: Path) -> tuple[str, list[str], int]:
    """Read the delimiter and the column names of a CSV file, and the number of lines before these."""
    require_utf8(path, "CSV")
    with open_bytes(path) as file:
        first = next(iter_lines(file), b"").removeprefix(codecs.BOM_UTF8)
    if named := _NAMED_DELIMITER.fullmatch(first):
        delimiter = named[1].decode()
        return delimiter, _first_row(path, delimiter, 1), 1
    is_tsv = ".tsv" in path.name.lower()
    delimiters = sorted(_DELIMITERS, key=lambda delimiter: delimiter != "\t") if is_tsv else list(_DELIMITERS)
    headers = {delimiter: _first_row(path, delimiter, 0) for delimiter in delimiters}
    for delimiter, names in headers.items():
        if find_path_column(names) is not None:
            return delimiter, names, 0
    return delimiters[0], headers[delimiters[0]], 0


def _first_row(path: Path, delimiter: str, skip: int) -> list[str]:
    """Read the cells of the first row that is not blank, after `skip` of these."""
    with open_bytes(path) as file, io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="") as text:
        rows = filter(None, csv.reader(text, delimiter=delimiter))
        try:
            for number, row in enumerate(rows):
                if number == skip:
                    return [re.sub(_SPACED, r"\1", name) for name in row]
        except csv.Error as error:  # a cell of more than 131,072 characters
            raise HeatError(f"{printable(path)}, row 1: a quote opens a cell there and is never closed.") from error
    raise HeatError(f"{printable(path)} cannot be read as CSV: it is empty.")
