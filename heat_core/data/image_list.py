"""Reading of folders, image files and manifests as one list of images, block by block.

Only one block is in memory at a time, however long a manifest is. The files of a folder are one block.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heat_core.data.containers.members import is_archive, is_stored_file
from heat_core.data.folder_scan import scan_folder
from heat_core.data.image_io import suffixes
from heat_core.data.image_table import LABEL, ImageTable
from heat_core.data.manifest_cells import names_with_boxes, object_array, printable_names
from heat_core.data.skipped_rows import SkippedRows
from heat_core.data.table_formats import is_image_table, open_image_table, refuse_spreadsheet
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import resolve_links


@dataclass(frozen=True)
class ImageBlock:
    """Consecutive images of a list.

    Attributes:
        files: path of each image's file, in bytes.
        names: printable path of each image as it was given; the name of a crop includes its box.
        labels: (n,) class name of each image, "" if it has none.
        boxes: (n, 4) x, y, w, h of the crops in pixels, NaN for whole images; None if the block has no crops.
        columns: name of a manifest's column → (n,) texts, "" for missing values.
        has_rows: whether the images are rows of a manifest, each of which counts, whatever image it names.
    """

    files: list[bytes]
    names: list[str]
    labels: np.ndarray
    boxes: np.ndarray | None
    columns: dict[str, np.ndarray]
    has_rows: bool = False

    def __len__(self) -> int:
        return len(self.files)

    def boxes_or_nan(self) -> np.ndarray:
        """Return the (n, 4) boxes in pixels, NaN for whole images."""
        return np.full((len(self), 4), np.nan) if self.boxes is None else self.boxes

    def column_texts(self, column: str) -> np.ndarray:
        """Return the (n,) texts of a column, all "" if the block does not have it."""
        return self.columns.get(column, np.full(len(self), "", object))

    def slice(self, start: int, end: int) -> "ImageBlock":
        """Return the images from index `start` to before index `end`."""
        boxes = None if self.boxes is None else self.boxes[start:end]
        columns = {name: values[start:end] for name, values in self.columns.items()}
        return ImageBlock(self.files[start:end], self.names[start:end], self.labels[start:end], boxes, columns)

    @classmethod
    def concatenate(cls, parts: Sequence["ImageBlock"]) -> "ImageBlock":
        """Concatenate blocks; a column that a block lacks is filled with ""."""
        names = list(dict.fromkeys(name for part in parts for name in part.columns))
        has_boxes = any(part.boxes is not None for part in parts)
        return cls(
            [file for part in parts for file in part.files],
            [name for part in parts for name in part.names],
            np.concatenate([part.labels for part in parts]),
            np.concatenate([part.boxes_or_nan() for part in parts]) if has_boxes else None,
            {name: np.concatenate([part.column_texts(name) for part in parts]) for name in names},
        )


class ImageSources:
    """Existing folders, archives, image files and manifests that are read as one list of images.

    Args:
        paths: paths of the folders, archives, image files and manifests.

    Attributes:
        columns: names of the columns of all manifests, without repetition.
        has_boxes: whether a manifest lists crops.
        notes: sentences about columns, and files that are left out; complete once `blocks` is exhausted.
        skipped: rows of manifests that are left out; complete once `blocks` is exhausted.

    Raises:
        HeatError: if a path is missing, or is neither folder nor image nor manifest.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = [(path, _open_manifest(path)) for path in paths]
        manifests = [manifest for _, manifest in self._paths if manifest is not None]
        self.columns = list(dict.fromkeys(name for manifest in manifests for name in manifest.names))
        self.has_boxes = any(manifest.has_boxes for manifest in manifests)
        self.notes: list[str] = []
        self.skipped = SkippedRows()

    def blocks(self) -> Iterator[ImageBlock]:
        """Yield the images in order, block by block.

        Raises:
            HeatError: if a folder may not be read, or if a manifest is damaged.
        """
        for path, manifest in self._paths:
            if manifest is not None:
                yield from _read_manifest(manifest, self.skipped)
                self.notes += [f"{printable(path.name)}: {note}" for note in manifest.notes]
            elif path.is_dir() or is_archive(path):
                yield _read_folder(path, self.notes)
            else:
                file = os.fsencode(resolve_links(path))
                yield ImageBlock([file], [printable(path)], np.array([""], object), None, {})


def _open_manifest(path: Path) -> ImageTable | None:
    """Open a path as a manifest; return None for a folder, an archive or an image."""
    if is_image_table(path):
        return open_image_table(path)
    if path.is_dir() or is_archive(path):
        return None
    if not path.exists() and not is_stored_file(path):
        raise HeatError(
            f"{printable(path)} does not exist: give image files, folders or archives of them, or a manifest."
        )
    refuse_spreadsheet(path)
    if path.suffix and path.suffix.lower() not in suffixes():
        raise HeatError(
            f"{printable(path)} is neither an image nor a manifest (CSV or Parquet with a column `path`): leave it out."
        )
    return None


def _read_folder(folder: Path, notes: list[str]) -> ImageBlock:
    """Read every image below a folder or in an archive; the class of an image is its top sub-folder."""
    root = resolve_links(folder)
    contents = scan_folder(root)
    notes.extend(contents.notes)
    files = [os.fsencode(path) for path in contents.files]
    start = len(os.fsencode(root).rstrip(os.fsencode(os.sep))) + 1
    below = [os.fsdecode(file[start:]) for file in files]
    labels = [printable(Path(name).parts[0]) if os.sep in name else "" for name in below]
    names = [printable(os.path.join(folder, name)) for name in below]
    return ImageBlock(files, names, object_array(labels), None, {})


def _read_manifest(manifest: ImageTable, skipped: SkippedRows) -> Iterator[ImageBlock]:
    for block in manifest.blocks(skipped):
        files = manifest.resolve_paths(block.paths)
        names = printable_names(files)
        if block.boxes is not None:
            names = names_with_boxes(names, block.boxes)
        labels = block.texts.get(LABEL, np.full(len(files), "", object))
        yield ImageBlock(files, names, labels, block.boxes, block.texts, has_rows=True)
