"""The formats of lists of images: which files and folders are lists, and what opens them."""

from pathlib import Path

from heat_core.data.containers.members import is_archive
from heat_core.data.formats.coco import open_coco
from heat_core.data.formats.folder_table import FolderTable, find_list_files
from heat_core.data.formats.imglist_rows import IMGLIST_SUFFIX
from heat_core.data.formats.manifest import Manifest
from heat_core.data.formats.row_paths import LIST_SUFFIXES
from heat_core.data.formats.yolo import YOLO_SUFFIXES, open_yolo, yolo_file
from heat_core.data.image_table import ImageTable
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import is_file, is_folder

_COCO_SUFFIX = ".json"
_SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers")
_SUFFIXES = (*LIST_SUFFIXES, IMGLIST_SUFFIX, _COCO_SUFFIX, *YOLO_SUFFIXES)


def is_image_table(path: Path) -> bool:
    """Return whether a path is a list of images: a file, or a folder that holds one."""
    return bool(table_files(path))


def table_files(path: Path) -> list[Path]:
    """Return the files that make the list of images at a path; none if it is no list.

    Of a folder these are the `data.yaml` of a YOLO data set, files of metadata, or Parquet files.
    """
    if path.name.lower().endswith(_SUFFIXES) and is_file(path):
        return [path]
    description = yolo_file(path)
    return find_list_files(path) if description is None and is_folder(path) else [description] if description else []


def is_image_source(path: Path) -> bool:
    """Return whether a path is a folder, an archive or a list of images."""
    return is_folder(path) or is_image_table(path) or is_archive(path)


def refuse_spreadsheet(path: Path) -> None:
    """Raise HeatError for a file of a spreadsheet program."""
    if path.suffix.lower() in _SPREADSHEETS:
        raise HeatError(f"{printable(path)} is a spreadsheet: save it as CSV in UTF-8, and give that file.")


def table_title(path: Path) -> str:
    """Return the name of a list without the ending of its format."""
    ending = next((end for end in _SUFFIXES if path.name.lower().endswith(end)), "")
    return path.name[: len(path.name) - len(ending)] or path.name


def open_image_table(path: Path) -> ImageTable:
    """Open a list of images, and check its columns.

    Args:
        path: path for which `is_image_table` is true.

    Raises:
        HeatError: if the list is damaged, or if its columns are missing or ambiguous.
    """
    if path.suffix.lower() == _COCO_SUFFIX:
        return open_coco(path)
    if description := yolo_file(path):
        return open_yolo(description)
    return Manifest(path) if is_file(path) else FolderTable(path)
