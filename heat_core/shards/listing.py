"""The images of a large job as one Parquet file, a row group a shard: written once, so that shards stay what they are.

They come from folders, from image files, and from manifests.
"""

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from heat_core.errors import HeatError
from heat_core.features.folders import scan
from heat_core.features.images import suffixes
from heat_core.features.manifest import MANIFESTS, Row, arrow, rows_of
from heat_core.storage import printable, replacing

LIST = "images.parquet"
_PATH, _LABEL = "path", "label"


@dataclass
class Listed:
    """What a list holds.

    Attributes:
        rows: images.
        digest: of all paths and labels, in order.
        bad: rows of manifests that name no file, as they can be shown.
        labels: every label; None among them, where an image has none.
    """

    rows: int = 0
    digest: str = ""
    bad: list[str] = field(default_factory=list)
    labels: set[str | None] = field(default_factory=set)


@dataclass(frozen=True)
class Shard:
    """Some images of a list: which shard they are, the number of the first, where they lie, their labels."""

    number: int
    start: int
    paths: list[Path]
    labels: list[str | None]

    def __len__(self) -> int:
        return len(self.paths)


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
    pa = arrow()
    schema = pa.schema([(_PATH, pa.binary()), (_LABEL, pa.string())])
    listed, digest = Listed(), hashlib.blake2b(digest_size=16)
    with replacing(folder / LIST) as beside, pa.parquet.ParquetWriter(beside, schema) as file:
        for rows in _cut(_rows(sources, listed), size):
            for path, label in rows:
                digest.update(b"%d %s %r\n" % (len(path), path, (label or "").encode()) + bytes([label is None]))
            paths, labels = [row[0] for row in rows], [row[1] for row in rows]
            file.write_table(pa.table([paths, labels], schema=schema), row_group_size=size)
            listed.rows += len(rows)
            listed.labels.update(labels)
        listed.digest = digest.hexdigest()
        if not listed.rows:
            raise HeatError(f"There are no images in {', '.join(map(printable, sources))}.")
        if expected not in (None, listed.digest):
            raise HeatError(
                f"{printable(folder)} was begun with another list of images: give another --out, or delete it."
            )
    return listed


def read_shard(folder: Path, number: int, size: int) -> Shard:
    """One shard of a list."""
    columns = arrow().parquet.ParquetFile(folder / LIST).read_row_group(number).to_pydict()
    return Shard(number, number * size, [Path(os.fsdecode(p)) for p in columns[_PATH]], columns[_LABEL])


def _cut(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    left = iter(rows)
    while part := list(itertools.islice(left, size)):
        yield part


def _rows(sources: Sequence[Path], listed: Listed) -> Iterator[Row]:
    for source in sources:
        if not source.exists():
            raise HeatError(f"{printable(source)} does not exist: give folders of images, image files, or a manifest.")
        if source.is_dir():
            for file in scan(source := source.resolve()).files:
                parts = file.relative_to(source).parts
                yield os.fsencode(file), printable(parts[0]) if len(parts) > 1 else None
        elif source.suffix.lower() in MANIFESTS:
            yield from rows_of(source, listed.bad)
        elif source.suffix.lower() in suffixes():
            yield os.fsencode(source.resolve()), None
        else:
            raise HeatError(f"{printable(source)} is neither an image nor a manifest (CSV or Parquet with a `path`).")
