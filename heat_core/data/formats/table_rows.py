"""Rows of a table in a file: what the readers of CSV, Parquet and JSON Lines have in common."""

import csv
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from heat_core.data.pyarrow_support import arrow
from heat_core.data.skipped_rows import SkippedRows
from heat_core.errors import HeatError
from heat_core.names import printable


class TableRows(Protocol):
    """Rows of a table whose header was read.

    Attributes:
        header: names of the columns as the file holds them.
        nested: indices of the columns that hold lists or objects.
        missing: texts that stand for a missing value.
        decimal_comma: pattern of the numbers whose comma stands for the point; None if no comma does.
    """

    header: list[str]
    nested: set[int]
    missing: frozenset[str]
    decimal_comma: re.Pattern[str] | None

    def batches(self, wanted: list[int], skipped: SkippedRows) -> Iterator[tuple[dict[int, Any], np.ndarray]]:
        """Yield batches of rows: index of a column in the header → Arrow column, and the (n,) row numbers.

        Args:
            wanted: indices of the columns to read, ascending.
            skipped: receives the rows that cannot be read.
        """


@contextmanager
def explain_read_errors(path: Path, kind: str) -> Iterator[None]:
    """Turn the errors of reading a damaged or unsuitable file into a HeatError.

    Args:
        path: path of the file.
        kind: name of the format, as in "cannot be read as CSV".
    """
    try:
        yield
    except (arrow().ArrowException, csv.Error, OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        why = printable((str(error).splitlines() or [type(error).__name__])[0])
        raise HeatError(f"{printable(path)} cannot be read as {kind}: {why}") from error
