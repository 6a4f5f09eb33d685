"""Rows of a Parquet file, which may contain the images itself."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.containers.parquet_images import image_column
from heat_core.data.formats.hub_columns import EmbeddedImages, class_names, name_classes, plain_header
from heat_core.data.manifest_cells import MISSING, is_nested
from heat_core.data.pyarrow_support import arrow
from heat_core.data.skipped_rows import SkippedRows


class ParquetRows:
    """Rows of a Parquet file whose schema was read (see `table_rows.TableRows`).

    Args:
        path: path of the file.
    """

    missing = MISSING
    decimal_comma: re.Pattern[str] | None = None

    def __init__(self, path: Path) -> None:
        self._path = path
        with arrow().parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
        images = EmbeddedImages(path, schema) if image_column(schema) else None
        self._names, self._classes = list(schema.names), class_names(schema)
        self._images = images if images and images.has_images else None
        self.header = plain_header(self._names, self._images, self._classes)
        self.nested = {i for i, kind in enumerate(schema.types) if is_nested(kind)}
        if self._images:
            self.nested.discard(self._images.index)

    def batches(self, wanted: list[int], skipped: SkippedRows) -> Iterator[tuple[dict[int, Any], np.ndarray]]:  # noqa: ARG002 (every row can be read)
        """Yield the rows batch by batch (see `table_rows.TableRows`)."""
        images, row = self._images, 0
        names = {i: images.needed if images and i == images.index else self._names[i] for i in wanted}
        needed = [name for name in names.values() if name]
        with arrow().parquet.ParquetFile(self._path) as file:
            for batch in file.iter_batches(images.batch_size if images else 65_536, columns=needed):
                columns = {i: self._column(batch, i) for i, name in names.items() if name}
                if images and images.index in wanted:
                    rows = np.arange(row, row + len(batch))
                    columns[images.index] = images.paths(columns.get(images.index), rows)
                yield columns, np.arange(row, row + len(batch)) + 1
                row += len(batch)

    def _column(self, batch: Any, index: int) -> Any:
        """Return a column of a batch, with the names of classes where the file has these."""
        name = self._names[index]
        column = batch.column(batch.schema.get_all_field_indices(name)[self._names[:index].count(name)])
        return name_classes(column, self._classes[name]) if name in self._classes else column
