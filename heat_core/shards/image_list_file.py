"""The image list of a large job: one Parquet file with a row group per shard.

The file fixes which images belong to which shard. The images come from folders, image files and manifests, whose
further columns are stored with them.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.folder_scan import unique_names_avoiding
from heat_core.data.image_list import ImageBlock, ImageSources
from heat_core.data.image_table import LABEL, whole_column
from heat_core.data.manifest_cells import names_with_boxes, to_floats
from heat_core.data.path_list import PathList
from heat_core.data.pyarrow_support import arrow, to_arrow
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import replacing

LIST_FILE = "images.parquet"
_PATH, _CLASS, _BOX = "path", "class", "box"  # come first; manifest columns of these names are renamed
# Key of the file's metadata: whether there are boxes, and the types of the columns that hold only numbers.
_METADATA_KEY = b"heat"


@dataclass
class ImageListSummary:
    """Summary of an image list.

    Attributes:
        image_count: number of images.
        digest: digest of all paths, labels, boxes and columns, in order.
        invalid_rows: sentences about rows of manifests that are left out.
        notes: sentences about other files that are left out, or read in an unusual way.
        labels: set of all labels, with None if an image has no label.
    """

    image_count: int = 0
    digest: str = ""
    invalid_rows: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    labels: set[str | None] = field(default_factory=set)


@dataclass(frozen=True)
class Shard:
    """Consecutive images of a list that are processed together.

    Attributes:
        number: number of the shard, from 0.
        start: index of its first image in the list.
        files: path of each image.
        labels: label of each image, or None.
        boxes: (n, 4) x, y, w, h in pixels, NaN for whole images; None if the list has no crops.
        columns: name of a manifest column → (n,) texts, or numbers if the column holds only numbers in the whole list.
    """

    number: int
    start: int
    files: PathList
    labels: list[str | None]
    boxes: np.ndarray | None
    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.files)

    @property
    def paths(self) -> list[str]:
        """Printable path of each image."""
        return [printable(os.fsdecode(path)) for path in self.files.iter_bytes()]

    @property
    def ids(self) -> list[str]:
        """Printable path of each image; that of a crop includes its box."""
        return self.paths if self.boxes is None else names_with_boxes(self.paths, self.boxes)


def write_image_list(sources: Sequence[Path], folder: Path, size: int, expected: str | None = None) -> ImageListSummary:
    """Write the image list of a job into its folder.

    Args:
        sources: folders, image files and manifests.
        folder: folder of the job.
        size: images per shard.
        expected: digest of the list that the folder's shards were cut from; None if there are none yet.

    Raises:
        HeatError: if a source is missing, if there are no images, or if the list differs from the expected one.
    """
    pa, reader = arrow(), ImageSources(sources)
    summary, digest = ImageListSummary(), hashlib.blake2b(digest_size=16)
    names = dict(zip(reader.columns, unique_names_avoiding((_PATH, _CLASS, _BOX), reader.columns), strict=True))
    types = {column: _ColumnType(column) for column in reader.columns}
    schema = pa.schema(
        [(_PATH, pa.binary()), (_CLASS, pa.string()), (_BOX, pa.list_(pa.float64(), 4))]
        + [(name, pa.string()) for name in names.values()]
    )
    with replacing(folder / LIST_FILE) as temp_path, pa.parquet.ParquetWriter(temp_path, schema) as file:
        for part in _split_into_shards(reader.blocks(), size):
            _update_digest(digest, part, [name for name in reader.columns if name != LABEL])
            texts = [part.column_texts(column) for column in reader.columns]
            for column_type, values in zip(types.values(), texts, strict=True):
                column_type.update(values)
            file.write_table(_arrow_table(part, texts, schema), row_group_size=size)
            summary.image_count += len(part)
            summary.labels.update(label or None for label in set(part.labels.tolist()))
        numbers = {names[column]: t.number_dtype for column, t in types.items() if t.number_dtype}
        file.add_key_value_metadata({_METADATA_KEY: json.dumps({"boxed": reader.has_boxes, "numbers": numbers})})
        summary.digest, summary.invalid_rows = digest.hexdigest(), reader.skipped.sentences()
        summary.notes = reader.notes
        if not summary.image_count:
            raise HeatError(f"There are no images in {', '.join(map(printable, sources))}.")
        if expected not in (None, summary.digest):
            raise HeatError(
                f"{printable(folder)} was begun with another list of images: give another --out, or delete it."
            )
    return summary


def _arrow_table(part: ImageBlock, texts: Sequence[np.ndarray], schema: Any) -> Any:
    """Build the Arrow table of a block of images: path, class, box, and the texts of the manifest columns."""
    pa = arrow()
    labels, *columns = (to_arrow(values) for values in (part.labels, *texts))
    return pa.table(
        [pa.array(part.files, pa.binary()), labels, boxes_to_arrow(part.boxes_or_nan()), *columns], schema=schema
    )


class _ColumnType:
    """Type of a column of texts, determined block by block: numbers, or texts."""

    def __init__(self, column: str) -> None:
        self._column, self._dtypes = column, set[str]()

    def update(self, values: np.ndarray) -> None:
        """Take the (n,) texts of a further block into account."""
        dtype = whole_column(self._column, [values]).dtype.name
        self._dtypes.add(dtype if (values != "").any() else "nothing")

    @property
    def number_dtype(self) -> str:
        """Type `int64` or `float64` if the column holds only such numbers, else ""."""
        if self._dtypes == {"int64"}:
            return "int64"
        return "float64" if {"int64", "float64"} & self._dtypes and "object" not in self._dtypes else ""


def boxes_to_arrow(boxes: np.ndarray) -> Any:
    """Convert (n, 4) boxes to an Arrow array of lists of four numbers; NaN boxes become null."""
    pa = arrow()
    whole = pa.array(np.isnan(boxes).any(axis=1))
    lists = pa.FixedSizeListArray.from_arrays(pa.array(boxes.ravel()), 4)
    return pa.compute.if_else(whole, pa.scalar(None, lists.type), lists)


def _update_digest(digest: Any, part: ImageBlock, columns: Sequence[str]) -> None:
    """Add a block of images to the digest: paths, labels, boxes and columns."""
    for path, label in zip(part.files, part.labels.tolist(), strict=True):
        digest.update(b"%d %s %r\n" % (len(path), path, label.encode()) + bytes([not label]))
    if part.boxes is not None:
        digest.update(part.boxes.tobytes())
    for name in columns:
        digest.update("\0".join([name, *part.column_texts(name)]).encode())


def read_shard(folder: Path, number: int, size: int) -> Shard:
    """Read one shard of an image list.

    Args:
        folder: folder of the job.
        number: number of the shard, from 0.
        size: images per shard.
    """
    with arrow().parquet.ParquetFile(folder / LIST_FILE) as file:
        table, metadata = file.read_row_group(number), json.loads(file.metadata.metadata[_METADATA_KEY])
    path, label, boxes = (table[name].to_pylist() for name in (_PATH, _CLASS, _BOX))
    columns = {}
    for name in table.column_names[3:]:
        texts = np.array([text or "" for text in table[name].to_pylist()], object)
        dtype = metadata["numbers"].get(name, "")
        columns[name] = to_floats(texts) if dtype == "float64" else texts.astype(dtype or object)
    crops = np.array([box or [np.nan] * 4 for box in boxes]) if metadata["boxed"] else None
    return Shard(number, number * size, PathList.from_paths(path), label, crops, columns)


def _split_into_shards(parts: Iterator[ImageBlock], size: int) -> Iterator[ImageBlock]:
    """Cut or join blocks so that each has `size` images; the last may have fewer."""
    waiting, count = list[ImageBlock](), 0
    for part in parts:
        start = 0
        while start < len(part):
            piece = part.slice(start, start + size - count)
            waiting, count, start = [*waiting, piece], count + len(piece), start + len(piece)
            if count == size:
                yield ImageBlock.concatenate(waiting)
                waiting, count = [], 0
    if waiting:
        yield ImageBlock.concatenate(waiting)
