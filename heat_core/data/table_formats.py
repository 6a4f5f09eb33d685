"""The formats of lists of images: which files and folders are lists, and what opens them."""

from pathlib import Path

from heat_core.data.containers.members import is_archive
from heat_core.data.formats.row_paths import LIST_SUFFIXES
from heat_core.data.image_table import ImageTable
from heat_core.data.manifest import Manifest
from heat_core.storage import is_file, is_folder


def has_table_ending(path: Path) -> bool:
    """Return whether the name of a path ends like that of a list of images."""
    return path.name.lower().endswith(LIST_SUFFIXES)


def is_image_table(path: Path) -> bool:
    """Return whether a path is a list of images."""
    return has_table_ending(path) and is_file(path)


def is_image_source(path: Path) -> bool:
    """Return whether a path is a folder, an archive or a list of images."""
    return is_folder(path) or is_image_table(path) or is_archive(path)


def table_title(path: Path) -> str:
    """Return the name of a list without the ending of its format."""
    ending = next((end for end in LIST_SUFFIXES if path.name.lower().endswith(end)), "")
    return path.name[: len(path.name) - len(ending)] or path.name


def open_image_table(path: Path) -> ImageTable:
    """Open a list of images, and check its columns.

    Args:
        path: path for which `is_image_table` is true.

    Raises:
        HeatError: if the list is damaged, or if its columns are missing or ambiguous.
    """
    return Manifest(path)
