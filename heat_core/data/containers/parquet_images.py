"""Parquet files with the bytes of images in a column, as the Hugging Face hub writes them."""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.containers.container import MemberStamp
from heat_core.data.pyarrow_support import arrow
from heat_core.digests import version_of

_NAMES = ("image", "images", "img", "picture", "photo", "jpg", "jpeg", "png", "webp", "image_bytes")
LARGEST_GROUP = 2**30  # bytes of images that are in memory at a time
_ROW = re.compile(r"(\d+)(?:[-.].*)?", re.DOTALL)


class ParquetImages:
    """Images of a Parquet file; the name of each begins with the index of its row.

    The images of a row group are read together.

    Args:
        path: path of the Parquet file.

    Attributes:
        count: number of rows.
        null_count: number of rows without an image; None if the file does not state it.

    Raises:
        OSError: if the file cannot be read, has no images, or has too many in a row group.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._version = path, version_of(path.stat())
        pa = arrow()
        try:
            with pa.parquet.ParquetFile(path) as file:
                names, metadata = image_column(file.schema_arrow), file.metadata
                self._column = ".".join(names or ())
                groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
        except pa.ArrowException as error:
            raise OSError(f"{path} cannot be read as Parquet ({error})") from error
        if names is None:
            raise OSError(f"{path} has no column with the bytes of images")
        self._starts = np.cumsum([0, *(group.num_rows for group in groups)])
        columns = [_find_column(group, self._column) for group in groups]
        nulls = [column.statistics and column.statistics.null_count for column in columns]
        self.count = int(self._starts[-1])
        self.null_count = None if None in nulls else sum(nulls)
        sizes = [column.total_uncompressed_size for column in columns]
        if max(sizes, default=0) > LARGEST_GROUP:
            raise OSError(
                f"{path} holds {max(sizes) / 2**30:.1f} GB of images in one row group, which must be read together: "
                "write it with row_group_size=100"
            )

    def stamp(self, name: str) -> MemberStamp | None:
        """Return a stamp if the file has the row of that name; its size is not known and given as 0."""
        match = _ROW.fullmatch(name)
        return MemberStamp(0, 0) if match and int(match[1]) < self.count else None

    def read(self, name: str) -> bytes:
        """Return the bytes of the image in the row of that name.

        Raises:
            OSError: if the row group is damaged, or if the row has no image.
        """
        match = _ROW.fullmatch(name)
        row = int(match[1]) if match else -1
        group = int(np.searchsorted(self._starts, row, side="right")) - 1
        images = _read_group(self._path, self._version, group, self._column)
        content = images[row - int(self._starts[group])].as_py()
        if not content:
            raise OSError(f"{name} has no image")
        return bytes(content)


def image_column(schema: Any) -> tuple[str, ...] | None:
    """Find the column of an Arrow schema that holds the bytes of images.

    That is an object with a field `bytes`, as the Hugging Face hub writes images, or a column of bytes with a usual
    name.

    Returns:
        Name of the column, and of the field if it is an object; None if there is none.
    """
    types = arrow().types
    for field in schema:
        if types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0:
            if _is_binary(field.type.field("bytes").type):
                return field.name, "bytes"
        elif _is_binary(field.type) and field.name.strip().lower() in _NAMES:
            return (field.name,)
    return None


def _is_binary(kind: Any) -> bool:
    types = arrow().types
    return types.is_binary(kind) or types.is_large_binary(kind)


def _find_column(group: Any, name: str) -> Any:
    return next(c for c in map(group.column, range(group.num_columns)) if c.path_in_schema == name)


@lru_cache(maxsize=2)
def _read_group(path: Path, version: tuple[int, ...], group: int, column: str) -> Any:  # noqa: ARG001 (part of the key)
    """Read the images of a row group, and keep them: images are usually read one after the other."""
    pa = arrow()
    try:
        with pa.parquet.ParquetFile(path) as file:
            values = file.read_row_group(group, columns=[column], use_threads=False).column(0)
    except pa.ArrowException as error:
        raise OSError(f"{path} is damaged in row group {group} ({error})") from error
    return pa.compute.struct_field(values, [0]) if pa.types.is_struct(values.type) else values
