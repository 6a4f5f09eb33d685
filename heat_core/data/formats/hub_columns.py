"""Columns of Parquet files of the Hugging Face hub: images in the file itself, and classes as numbers with names."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.containers.parquet_images import ParquetImages, image_column
from heat_core.data.pyarrow_support import arrow

_LABEL, _PATH = "label", "path"


class EmbeddedImages:
    """Column with the bytes of images, to which paths are given that `containers.members` opens.

    Args:
        path: path of the Parquet file.
        schema: its Arrow schema, which has a column of images.

    Attributes:
        index: index of the column in the file.
        needed: name of what must be read to make the paths; None if that is nothing.
        has_images: whether the file has the bytes of any image.

    Raises:
        OSError: if the images cannot be read one by one.
    """

    def __init__(self, path: Path, schema: Any) -> None:
        names = image_column(schema) or ("",)
        images = ParquetImages(path)
        self._file, self._is_complete = path.name, images.null_count == 0
        self.has_images, self.index = images.null_count != images.count, schema.get_field_index(names[0])
        self._has_names = len(names) > 1 and schema.field(self.index).type.get_field_index(_PATH) >= 0
        self.needed = names[0] if not self._is_complete else f"{names[0]}.{_PATH}" if self._has_names else None

    @property
    def batch_size(self) -> int:
        """Rows that are read at a time: few if the images must be read to know which rows have one."""
        return 65_536 if self._is_complete else 64

    def paths(self, column: Any, rows: np.ndarray) -> Any:
        """Make the paths of rows: the file, with the index of the row and the image's own name below it.

        Args:
            column: what was read of the column, None if that is nothing.
            rows: (n,) indices of the rows in the file, from 0.

        Returns:
            Arrow array of texts; of a row without an image the path that it gives.
        """
        pa = arrow()
        names = pa.compute.struct_field(column, _PATH).to_pylist() if self._has_names else [None] * len(rows)
        present = [True] * len(rows) if self._is_complete else _bytes_of(column).is_valid().to_pylist()
        return pa.array(
            [
                self._member(row, name) if has_image else name
                for row, name, has_image in zip(rows.tolist(), names, present, strict=True)
            ],
            pa.string(),
        )

    def _member(self, row: int, name: str | None) -> str:
        own = "" if name is None else "-" + name.replace("\\", "/").rsplit("/", 1)[-1]
        return f"{self._file}/{row:06d}{own}"


def _bytes_of(column: Any) -> Any:
    pa = arrow()
    return pa.compute.struct_field(column, "bytes") if pa.types.is_struct(column.type) else column


def class_names(schema: Any) -> dict[str, list[str]]:
    """Read the names of classes from a schema: column of class numbers → name of each number."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        labels = {name: feature for name, feature in features.items() if feature.get("_type") == "ClassLabel"}
        return {name: list(map(str, feature["names"])) for name, feature in labels.items()}
    except (KeyError, ValueError, TypeError, AttributeError):  # a file of another origin
        return {}


def name_classes(column: Any, names: list[str]) -> Any:
    """Replace class numbers by names; numbers without a name, such as −1, become null."""
    pa = arrow()
    numbers = column.cast(pa.int64())
    known = pa.compute.and_(pa.compute.greater_equal(numbers, 0), pa.compute.less(numbers, len(names)))
    return pa.array(names, pa.string()).take(pa.compute.if_else(known, numbers, None))


def plain_header(header: list[str], images: EmbeddedImages | None, classes: dict[str, list[str]]) -> list[str]:
    """Name the column of images `path`, and the only one of classes `label`, as other lists call them."""
    lower = [name.strip().lower() for name in header]
    renamed = list(header)
    if images is not None:
        renamed = [f"{name} in the file" if name.strip().lower() == _PATH else name for name in renamed]
        renamed[images.index] = _PATH
    if len(classes) == 1 and _LABEL not in lower and (name := next(iter(classes))) in header:
        renamed[header.index(name)] = _LABEL
    return renamed
