"""A manifest: a CSV or Parquet file that lists images, one a row, with a column `path` (and `label`, if there is one).

Relative paths are relative to the manifest. A row without a path is left out, and said.
"""

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from heat_core.errors import HeatError
from heat_core.storage import printable

MANIFESTS = (".csv", ".parquet")
_PATH, _LABEL = "path", "label"
Row = tuple[bytes, str | None]  # path, label


def arrow() -> Any:
    """pyarrow; HeatError where it is not installed."""
    try:
        import pyarrow
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise HeatError("Parquet files need pyarrow: pip install 'heat-explorer[parquet]'.") from error
    return pyarrow


def paths_of(manifest: Path) -> tuple[list[Path], list[str]]:
    """Every image that a manifest names, and what is wrong with other rows."""
    bad: list[str] = []
    return [Path(os.fsdecode(path)) for path, _ in rows_of(manifest, bad)], bad


def rows_of(manifest: Path, bad: list[str]) -> Iterator[Row]:
    """(path, label) of each row; what is wrong with the others goes into `bad`.

    Raises:
        HeatError: where the file is damaged, or has no column `path`.
    """
    pa, beside, row = arrow(), os.fsencode(manifest.resolve().parent), 0
    try:
        for batch in _batches(manifest, bad):
            columns = batch.to_pydict()
            for path, label in zip(columns[_PATH], columns.get(_LABEL, itertools.repeat(None)), strict=False):
                row += 1
                path = path.encode(errors="surrogateescape") if isinstance(path, str) else path
                if not path or b"\0" in path:
                    bad.append(f"{printable(manifest.name)}, row {row}: no path")
                else:
                    yield os.path.join(beside, path), None if label in (None, "") else printable(str(label))
    except (pa.ArrowException, OSError) as error:
        why = printable(str(error).splitlines()[0])
        raise HeatError(f"{printable(manifest)} cannot be read as {manifest.suffix[1:].upper()}: {why}") from error


def _batches(manifest: Path, bad: list[str]) -> Iterator[Any]:
    """Record batches with the columns `path` and `label`, the latter where there is one."""
    pa = arrow()
    if manifest.suffix.lower() == ".parquet":
        file = pa.parquet.ParquetFile(manifest)
        wanted = _wanted(file.schema_arrow.names, manifest)
        yield from (batch.select(wanted) for batch in file.iter_batches(columns=wanted))
        return

    def skip(row: Any) -> str:
        bad.append(f"{printable(manifest.name)}: {row.actual_columns} columns instead of {row.expected_columns}")
        return "skip"

    as_text = pa.csv.ConvertOptions(column_types={_PATH: pa.binary(), _LABEL: pa.string()})
    reader = pa.csv.open_csv(
        manifest, parse_options=pa.csv.ParseOptions(invalid_row_handler=skip), convert_options=as_text
    )
    wanted = _wanted(reader.schema.names, manifest)
    yield from (batch.select(wanted) for batch in reader)


def _wanted(names: Sequence[str], manifest: Path) -> list[str]:
    if _PATH not in names:
        found = ", ".join(map(printable, names[:8]))
        raise HeatError(
            f"{printable(manifest)} has no column `path`, only {found}: name the one with the files `path`."
        )
    return [name for name in (_PATH, _LABEL) if name in names]
