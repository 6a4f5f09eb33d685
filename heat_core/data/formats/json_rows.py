"""Rows of a JSON Lines file: an object in each line, whose keys are the columns."""

import codecs
import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.formats.table_columns import find_box_columns, find_path_column
from heat_core.data.formats.text_lines import iter_lines, open_bytes, require_utf8
from heat_core.data.manifest_cells import EDGES, MISSING
from heat_core.data.pyarrow_support import arrow
from heat_core.data.skipped_rows import SkippedRows
from heat_core.errors import HeatError
from heat_core.names import printable

_BLOCK = 2**16  # rows


class JsonRows:
    """Rows of a JSON Lines file whose keys were read (see `table_rows.TableRows`).

    Args:
        path: path of the file.

    Raises:
        HeatError: if no line holds an object.
    """

    missing = MISSING
    decimal_comma: re.Pattern[str] | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        require_utf8(path, "JSON Lines")
        keys, nested = dict[str, None](), set[str]()
        for _, row in self._objects():
            keys.update(dict.fromkeys(row))
            nested.update(key for key, value in row.items() if isinstance(value, dict | list))
        self.header = list(keys)
        if not self.header:
            raise HeatError(f"{printable(path)} cannot be read as JSON Lines: no line of it holds an object.")
        self.nested = {i for i, key in enumerate(self.header) if key in nested}

    def batches(self, wanted: list[int], skipped: SkippedRows) -> Iterator[tuple[dict[int, Any], np.ndarray]]:
        """Yield the rows batch by batch (see `table_rows.TableRows`)."""
        pa, paths, boxes = arrow(), find_path_column(self.header), find_box_columns(self.header)
        objects = self._objects(skipped)
        while block := list(islice(objects, _BLOCK)):
            columns = {}
            for i in wanted:
                write = _path_text if i == paths else _box_text if i in boxes else _text
                columns[i] = pa.array([write(row.get(self.header[i])) for _, row in block], pa.binary())
            yield columns, np.array([number for number, _ in block])

    def _objects(self, skipped: SkippedRows | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield the number of each line that holds an object, and the object."""
        with open_bytes(self._path) as file:
            for number, line in enumerate(iter_lines(file), start=1):
                try:
                    row = json.loads(line.removeprefix(codecs.BOM_UTF8).decode(errors="surrogateescape"))
                except (ValueError, RecursionError):  # ValueError: also a number of very many digits
                    row = None
                if isinstance(row, dict):
                    yield number, row
                elif skipped is not None:
                    start = printable(line[:60].decode(errors="replace"))
                    skipped.add(self._path, number, f"no JSON object: {start}")


def _text(value: Any) -> bytes | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode(errors="surrogatepass")


def _path_text(value: Any) -> bytes | None:
    """Return the text of a path, or of the field `path` of an object."""
    return _text(value.get("path") if isinstance(value, dict) else value)


def _box_text(value: Any) -> bytes | None:
    """Return the text of a number or of a box, which may be a list or an object of four numbers."""
    if isinstance(value, dict):
        lower = {key.strip().lower(): edge for key, edge in value.items()}
        value = [next((lower[name] for name in edge if name in lower), None) for edge in EDGES]
    return _text(value)
