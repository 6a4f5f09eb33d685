"""A manifest: a CSV or Parquet file that lists images, one a row, with a column `path` (and `label`, if there is one).

Relative paths are relative to the manifest. A row without a path is left out, and said.
"""

import os
from collections.abc import Callable, Iterator, Sequence
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
            paths, labels = _as(batch, _PATH, pa.binary()), _as(batch, _LABEL, pa.string())
            for path, label in zip(paths, labels, strict=True):
                row += 1
                if not path or b"\0" in path:
                    bad.append(f"{printable(manifest.name)}, row {row}: no path")
                else:
                    yield os.path.join(beside, path), printable(label) if label else None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        why = printable(str(error).splitlines()[0])
        raise HeatError(f"{printable(manifest)} cannot be read as {manifest.suffix[1:].upper()}: {why}") from error


def _as(batch: Any, name: str, kind: Any) -> list[Any]:
    """A column in one type; None everywhere where there is no such column."""
    pa = arrow()
    if name not in batch.schema.names:
        return [None] * len(batch)
    column = batch[name]
    if pa.types.is_floating(column.type) and name == _LABEL:
        column = column.fill_null(float("nan")).to_numpy(zero_copy_only=False)
        return [None if value != value else f"{value:g}" for value in column]
    if not (pa.types.is_string(column.type) or pa.types.is_integer(column.type)) and column.type != kind:
        column = column.cast(pa.binary()) if pa.types.is_large_binary(column.type) else column.cast(pa.string())
    return column.cast(kind).to_pylist()


def _batches(manifest: Path, bad: list[str]) -> Iterator[Any]:
    """Record batches with the columns `path` and `label`, the latter where there is one."""
    pa = arrow()
    if manifest.suffix.lower() == ".parquet":
        file = pa.parquet.ParquetFile(manifest)
        yield from file.iter_batches(columns=_wanted(file.schema_arrow.names, manifest))
        return

    def skip(row: Any) -> str:
        start = printable((row.text or "")[:60])
        bad.append(
            f"{printable(manifest.name)}: {row.actual_columns} columns instead of {row.expected_columns}: {start}"
        )
        return "skip"

    def opened(handler: Callable[[Any], str], convert: Any = None) -> Any:
        parse = pa.csv.ParseOptions(newlines_in_values=True, invalid_row_handler=handler)
        return pa.csv.open_csv(manifest, parse_options=parse, convert_options=convert)

    wanted = _wanted(opened(lambda _: "skip").schema.names, manifest)
    # What other columns hold is not looked at: they may be of any kind.
    of_ours = pa.csv.ConvertOptions(include_columns=wanted, column_types={_PATH: pa.binary(), _LABEL: pa.string()})
    yield from opened(skip, of_ours)


def _wanted(names: Sequence[str], manifest: Path) -> list[str]:
    if _PATH not in names:
        found = ", ".join(map(printable, names[:8]))
        raise HeatError(
            f"{printable(manifest)} has no column `path`, only {found}: name the one with the files `path`."
        )
    wanted = [name for name in (_PATH, _LABEL) if name in names]
    for name in wanted:
        if names.count(name) > 1:
            raise HeatError(f"{printable(manifest)} has more than one column `{name}`: leave one.")
    return wanted
