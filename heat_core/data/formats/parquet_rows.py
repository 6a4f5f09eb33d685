"""Rows of a Parquet file."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.manifest_cells import is_nested
from heat_core.data.pyarrow_support import arrow
from heat_core.data.skipped_rows import SkippedRows


class ParquetRows:
    """Rows of a Parquet file whose schema was read (see `table_rows.TableRows`).

    Args:
        path: path of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with arrow().parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
        self.header = list(schema.names)
        self.nested = {i for i, kind in enumerate(schema.types) if is_nested(kind)}

    def batches(self, wanted: list[int], skipped: SkippedRows) -> Iterator[tuple[dict[int, Any], np.ndarray]]:  # noqa: ARG002 (every row can be read)
        """Yield the rows batch by batch (see `table_rows.TableRows`)."""
        names, row = [self.header[i] for i in wanted], 1
        with arrow().parquet.ParquetFile(self._path) as file:
            for batch in file.iter_batches(columns=names):
                positions = [batch.schema.get_all_field_indices(name)[0] for name in names]
                columns = {i: batch.column(position) for i, position in zip(wanted, positions, strict=True)}
                yield columns, np.arange(row, row + len(batch))
                row += len(batch)
