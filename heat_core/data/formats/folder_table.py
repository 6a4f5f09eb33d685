"""Folders that are lists of images: with a file of metadata beside the images, or made of Parquet files.

The first is the layout of `imagefolder` of Hugging Face `datasets`: `metadata.csv`, `.jsonl` or `.parquet`, in the
folder itself or in one sub-folder for each split. The second is a list in several files, also in folders `key=value`.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from heat_core.data.folder_scan import is_features_folder, scan_folder, split_of
from heat_core.data.formats.manifest import Manifest, open_rows
from heat_core.data.formats.row_paths import join_paths
from heat_core.data.formats.table_columns import find_path_column
from heat_core.data.image_io import suffixes
from heat_core.data.image_table import LABEL, SPLIT, TableBlock
from heat_core.data.skipped_rows import SkippedRows
from heat_core.digests import version_of
from heat_core.errors import HeatError
from heat_core.names import printable, shortlist
from heat_core.storage import is_file

_METADATA = tuple(f"metadata{end}" for end in (".csv", ".jsonl", ".parquet"))
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"  # stands for a missing value in the name of a partition
_JOB_FILES = "images.parquet", "scores-000000.parquet"  # of a job in shards, whose folder is no list


def find_list_files(folder: Path) -> list[Path]:
    """Return the files that make a folder a list of images; none if it is a folder of images.

    A folder of many images is not read whole to know that.
    """
    if file := _metadata_file(folder):
        return [file] if _replaces_folders(file) else []
    if _has_images(folder):
        return []
    sub_folders = _sub_folders(folder)
    files = [file for place in sub_folders if split_of(place.name) and (file := _metadata_file(place))]
    return [] if not all(map(_replaces_folders, files)) else files or _parquet_files(folder, sub_folders)


def _metadata_file(folder: Path) -> Path | None:
    return next((file for name in _METADATA if is_file(file := folder / name)), None)


def _replaces_folders(file: Path) -> bool:
    """Return whether metadata names images and, where sub-folders could be their classes, has labels."""
    header = _read_header(file, version_of(file.stat()))
    if header is None:
        return True
    if find_path_column(header) is None:
        return False
    is_flat = _has_images(file.parent) or len(_sub_folders(file.parent)) < 2
    return is_flat or LABEL in (name.strip().lower() for name in header)


@lru_cache(maxsize=64)
def _read_header(file: Path, version: tuple[int, ...]) -> list[str] | None:  # noqa: ARG001 (part of the cache's key)
    """Return the names of the columns; None for a damaged file, whose error is raised when the list is opened."""
    try:
        return open_rows(file)[0].header
    except HeatError:
        return None


def _has_images(folder: Path) -> bool:
    try:
        with os.scandir(folder) as entries:
            return any(os.path.splitext(entry.name)[1].lower() in suffixes() for entry in entries)
    except OSError:  # it is reported when the folder is read
        return False


def _sub_folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError:  # it is reported when the folder is read
        return []


def _parquet_files(folder: Path, sub_folders: list[Path]) -> list[Path]:
    """Return the Parquet files of a folder that has partitions `key=value`, or nothing but Parquet files."""
    files = _partition_files(folder, sub_folders)
    is_list = not sub_folders or any(file.parent != folder for file in files)
    is_job = all(is_file(folder / name) for name in _JOB_FILES)
    return files if is_list and not is_job and not is_features_folder(folder) else []


def _partition_files(folder: Path, sub_folders: list[Path]) -> list[Path]:
    files = [file for file in sorted(folder.glob("*.parquet")) if not file.name.startswith((".", "_"))]
    partitions = [place for place in sub_folders if "=" in place.name]
    return [*files, *(file for place in partitions for file in _partition_files(place, _sub_folders(place)))]


def _first_word(file: Path) -> str:
    """Return the beginning of a file's name, such as `train` of `train-00000-of-00002.parquet`."""
    return file.name.split("-")[0].split(".")[0]


class FolderTable:
    """List of images in several files of a folder (see `image_table.ImageTable`).

    Args:
        path: path of the folder.

    Raises:
        HeatError: if a file is damaged, or if its columns are missing or ambiguous.
    """

    def __init__(self, path: Path) -> None:
        self.path, files = path, find_list_files(path)
        self._root = os.path.join(os.fsencode(path.resolve()), b"")
        self._has_metadata = files[0].name in _METADATA
        self._has_splits = all(split_of(_first_word(file)) for file in files)
        self._parts = [(Manifest(file, path), self._constants(file)) for file in files]
        names = [name for part, constants in self._parts for name in (*part.names, *constants)]
        self.names = list(dict.fromkeys(names))
        self.has_boxes = any(part.has_boxes for part, _ in self._parts)
        self.notes: list[str] = []

    def _constants(self, file: Path) -> dict[str, str]:
        """Return the columns of which all rows of a file have the same value."""
        if self._has_metadata:
            return {SPLIT: file.parent.name} if file.parent != self.path else {}
        keys = [unquote(part).split("=", 1) for part in file.relative_to(self.path).parts[:-1] if "=" in part]
        splits = {SPLIT: _first_word(file)} if self._has_splits else {}
        return splits | {printable(key): "" if value == _NO_VALUE else printable(value) for key, value in keys}

    def resolve_paths(self, paths: list[bytes]) -> list[bytes]:
        """Resolve paths of rows relative to the folder."""
        return join_paths(self._root, paths)

    def blocks(self, skipped: SkippedRows) -> Iterator[TableBlock]:
        """Yield the valid rows block by block (see `image_table.ImageTable`)."""
        listed = set[bytes]()
        for part, constants in self._parts:
            for block in part.blocks(skipped):
                paths = join_paths(part.folder.removeprefix(self._root), block.paths)
                if self._has_metadata:
                    listed.update(map(os.path.normpath, paths))
                yield replace(self._complete(block, constants), paths=paths)
            self.notes += [note for note in part.notes if note not in self.notes]
        if self._has_metadata:
            self.notes += self._unlisted_notes(listed)

    def _complete(self, block: TableBlock, constants: dict[str, str]) -> TableBlock:
        """Fill the columns and boxes that a file does not have."""
        n = len(block.paths)
        constant = {name: np.full(n, value, object) for name, value in constants.items() if name not in block.texts}
        texts = {name: np.full(n, "", object) for name in self.names} | constant | block.texts
        boxes = np.full((n, 4), np.nan) if self.has_boxes and block.boxes is None else block.boxes
        return replace(block, texts=texts, boxes=boxes)

    def _unlisted_notes(self, listed: set[bytes]) -> list[str]:
        """Return a sentence about images of the folder that the metadata does not list."""
        files = (file.relative_to(self.path) for file in scan_folder(self.path).files)
        unlisted = [printable(file) for file in files if os.fsencode(file) not in listed]
        if not unlisted:
            return []
        return [f"{len(unlisted):,} images of the folder are not in its metadata, and left out: {shortlist(unlisted)}."]
