"""The images of a large job as one Parquet file, a row group a shard: written once, so that shards stay what they are.

They come from folders, from image files, and from manifests, whose further columns stay with them.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.folder_scan import unique_beside
from heat_core.data.image_list import Part, Sources
from heat_core.data.manifest import LABEL, whole_column
from heat_core.data.manifest_cells import with_boxes
from heat_core.data.path_list import Files
from heat_core.data.pyarrow_support import arrow, as_column
from heat_core.errors import HeatError
from heat_core.storage import printable, replacing

LIST = "images.parquet"
_PATH, _CLASS, _BOX = "path", "class", "box"  # before the columns of manifests, which may be called so, too
_ABOUT = b"heat"  # of the file's metadata: whether there are boxes; which columns hold numbers alone, and of which type


@dataclass
class Listed:
    """What a list holds.

    Attributes:
        rows: images.
        digest: of all paths, labels, boxes and columns, in order.
        bad: rows of manifests that are left out, as they can be shown.
        notes: what else was left aside, or read in a way that one should know.
        labels: every label; None among them, where an image has none.
    """

    rows: int = 0
    digest: str = ""
    bad: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    labels: set[str | None] = field(default_factory=set)


@dataclass(frozen=True)
class Shard:
    """Some images of a list.

    Attributes:
        number: which shard it is.
        start: number of its first image in the list.
        files: where the images lie.
        labels: of each, or None.
        boxes: (n, 4) x, y, w, h in pixels, NaN of images that are whole; None where all of the list are.
        columns: name → (n,) of manifests: texts, or numbers where the whole list has nothing else.
    """

    number: int
    start: int
    files: Files
    labels: list[str | None]
    boxes: np.ndarray | None
    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.files)

    @property
    def paths(self) -> list[str]:
        """Where they lie, as it can be printed."""
        return [printable(os.fsdecode(path)) for path in self.files.raw()]

    @property
    def ids(self) -> list[str]:
        """The same; of crops, with their box."""
        return self.paths if self.boxes is None else with_boxes(self.paths, self.boxes)


def write_list(sources: Sequence[Path], folder: Path, size: int, expected: str | None = None) -> Listed:
    """Write the list of a job into its folder, `size` images a shard.

    Args:
        sources: folders, image files and manifests.
        folder: of the job.
        size: images a shard.
        expected: digest of the list that the folder's shards were cut from; None where there are none yet.

    Raises:
        HeatError: where a source is missing or holds no image, or the list is no longer the expected one.
    """
    pa, found = arrow(), Sources(sources)
    listed, digest = Listed(), hashlib.blake2b(digest_size=16)
    names = dict(zip(found.columns, unique_beside((_PATH, _CLASS, _BOX), found.columns), strict=True))
    kinds = {column: _Kind(column) for column in found.columns}
    schema = pa.schema(
        [(_PATH, pa.binary()), (_CLASS, pa.string()), (_BOX, pa.list_(pa.float64(), 4))]
        + [(name, pa.string()) for name in names.values()]
    )
    with replacing(folder / LIST) as beside, pa.parquet.ParquetWriter(beside, schema) as file:
        for part in _cut(found.blocks(), size):
            _digest(part, digest, [name for name in found.columns if name != LABEL])
            texts = [part.texts(column) for column in found.columns]
            for kind, values in zip(kinds.values(), texts, strict=True):
                kind.hear(values)
            arrays = [as_column(values) for values in (part.labels, *texts)]
            table = [pa.array(part.files, pa.binary()), arrays[0], box_lists(part.crops()), *arrays[1:]]
            file.write_table(pa.table(table, schema=schema), row_group_size=size)
            listed.rows += len(part)
            listed.labels.update(label or None for label in set(part.labels.tolist()))
        numbers = {names[column]: kind.number for column, kind in kinds.items() if kind.number}
        file.add_key_value_metadata({_ABOUT: json.dumps({"boxed": found.boxed, "numbers": numbers})})
        listed.digest, listed.bad, listed.notes = digest.hexdigest(), found.bad.sentences(), found.notes
        if not listed.rows:
            raise HeatError(f"There are no images in {', '.join(map(printable, sources))}.")
        if expected not in (None, listed.digest):
            raise HeatError(
                f"{printable(folder)} was begun with another list of images: give another --out, or delete it."
            )
    return listed


class _Kind:
    """What a column of texts holds, learned block by block."""

    def __init__(self, column: str) -> None:
        self._column, self._found = column, set[str]()

    def hear(self, values: np.ndarray) -> None:
        """A further block."""
        kind = whole_column(self._column, [values]).dtype.name
        self._found.add(kind if (values != "").any() else "nothing")

    @property
    def number(self) -> str:
        """int64 or float64, where it holds nothing but such numbers, else empty."""
        if self._found == {"int64"}:
            return "int64"
        return "float64" if {"int64", "float64"} & self._found and "object" not in self._found else ""


def box_lists(boxes: np.ndarray) -> Any:
    """(n, 4) boxes as Arrow's lists of four numbers, null of images that are whole."""
    pa = arrow()
    whole = pa.array(np.isnan(boxes).any(axis=1))
    lists = pa.FixedSizeListArray.from_arrays(pa.array(boxes.ravel()), 4)
    return pa.compute.if_else(whole, pa.scalar(None, lists.type), lists)


def _digest(part: Part, digest: Any, columns: Sequence[str]) -> None:
    """What the results of a shard depend on, and what stays with them."""
    for path, label in zip(part.files, part.labels.tolist(), strict=True):
        digest.update(b"%d %s %r\n" % (len(path), path, label.encode()) + bytes([not label]))
    if part.boxes is not None:
        digest.update(part.boxes.tobytes())
    for name in columns:
        digest.update("\0".join([name, *part.texts(name)]).encode())


def read_shard(folder: Path, number: int, size: int) -> Shard:
    """One shard of a list."""
    with arrow().parquet.ParquetFile(folder / LIST) as file:
        table, about = file.read_row_group(number), json.loads(file.metadata.metadata[_ABOUT])
    path, label, boxes = (table[name].to_pylist() for name in (_PATH, _CLASS, _BOX))
    columns = {}
    for name in table.column_names[3:]:
        texts = np.array([text or "" for text in table[name].to_pylist()], object)
        kind = about["numbers"].get(name, "")
        columns[name] = np.where(texts == "", "nan" if kind == "float64" else "", texts).astype(kind or object)
    crops = np.array([box or [np.nan] * 4 for box in boxes]) if about["boxed"] else None
    return Shard(number, number * size, Files.of(path), label, crops, columns)


def _cut(parts: Iterator[Part], size: int) -> Iterator[Part]:
    """The same images, `size` at a time."""
    waiting, count = list[Part](), 0
    for part in parts:
        start = 0
        while start < len(part):
            piece = part.some(start, start + size - count)
            waiting, count, start = [*waiting, piece], count + len(piece), start + len(piece)
            if count == size:
                yield Part.joined(waiting)
                waiting, count = [], 0
    if waiting:
        yield Part.joined(waiting)
