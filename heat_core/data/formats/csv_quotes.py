"""Quotes in CSV files that are not closed, or closed rows later, so that the rows between are lost in one cell."""

import csv
import os
import re
from collections.abc import Callable
from pathlib import Path

from heat_core.data.formats.text_lines import iter_line_blocks, iter_lines, open_bytes
from heat_core.errors import HeatError
from heat_core.names import printable

_LONGEST = 2**16  # bytes of a line that is examined as a row of its own
IsRow = Callable[[list[str]], bool]


def count_lines(path: Path, delimiter: str, skip: int) -> int:
    """Count the lines of a file that are not blank, without the first `skip` of these.

    A last line with a quote that is not closed counts as two, so that no number of rows agrees with it.
    """
    count, last, scan = -skip, b"", _QuoteScan(delimiter)
    with open_bytes(path) as file:
        for lines in filter(None, iter_line_blocks(file)):
            count, last = count + len(lines), lines[-1]
    scan.read(last)
    return count + scan.is_inside


def check_quotes(path: Path, delimiter: str, skip: int, is_row: IsRow) -> None:
    """Check that no quote makes rows a part of a cell; cells with several lines are allowed.

    Args:
        path: path of the CSV file.
        delimiter: character between its cells.
        skip: number of lines before the header.
        is_row: whether the cells of a line look like those of a row.

    Raises:
        HeatError: if a quote is never closed, or if a cell holds lines that look like rows.
    """
    scan, row, first, inner_rows = _QuoteScan(delimiter), 0, 0, 0
    with open_bytes(path) as file:
        for number, line in enumerate(iter_lines(file)):
            if number < skip:
                continue
            if scan.is_inside:
                inner_rows += len(line) < _LONGEST and is_row(_split(line, delimiter))
            else:
                row, first, inner_rows = row + 1, row + 1, 0
            scan.read(line)
            if inner_rows and not scan.is_inside:
                raise HeatError(
                    f"{printable(path)}, row {first}: a quote opens a cell there that holds {inner_rows:,} further "
                    'rows of the list. Write a quote that belongs to a text twice, as in "5"" screw".'
                )
    if scan.is_inside:
        raise HeatError(
            f"{printable(path)}, row {first}: a quote opens a cell there and is never closed, so that the rows behind "
            'it cannot be read. Write a quote that belongs to a text twice, as in "5"" screw".'
        )


def _split(line: bytes, delimiter: str) -> list[str]:
    return next(csv.reader([line.decode(errors="surrogateescape").replace("\0", "")], delimiter=delimiter), [])


class _QuoteScan:
    """Where quoted cells begin and end, as Arrow reads them: a quote opens a cell only as its first character.

    Attributes:
        is_inside: whether the lines read so far end inside a quoted cell.
    """

    def __init__(self, delimiter: str) -> None:
        d = re.escape(delimiter.encode())
        closed = rb'[^"]*+(?:""[^"]*+)*+"(?!")'
        self._rest_of_cell = re.compile(rb"%b[^%b]*+" % (closed, d))
        self._cells = re.compile(rb'(?:(?:"%b[^%b]*+|[^"%b][^%b]*+)?+(?:%b|$))*+' % (closed, d, d, d, d))
        self.is_inside = False

    def read(self, line: bytes) -> None:
        """Take a further line into account."""
        start = 0
        if self.is_inside:
            end = self._rest_of_cell.match(line)
            if end is None:
                return
            start = end.end() + 1  # behind the delimiter
        self.is_inside = start <= len(line) and self._ends_inside(line, start)

    def _ends_inside(self, line: bytes, start: int) -> bool:
        if line.find(b'"', start) < 0:
            return False
        cells = self._cells.match(line, start)
        return cells is not None and cells.end() < len(line)


def looks_like_row(cells: list[str], columns: int, path_index: int, folder: Path, endings: frozenset[str]) -> bool:
    """Return whether the cells of a line look like a row of a list of images.

    Args:
        cells: cells of the line.
        columns: number of columns of the list.
        path_index: index of the column with the paths.
        folder: folder that the paths are relative to.
        endings: endings of image files, in lower case.
    """
    if len(cells) != columns or not (path := cells[path_index].strip()):
        return False
    return os.path.splitext(path)[1].lower() in endings or os.path.exists(os.path.join(folder, path))
