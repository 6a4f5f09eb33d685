"""Labels in tables with a column `label`, and in folders of classes; both also inside an archive."""

import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from heat_core.data.containers.members import list_archive, open_file
from heat_core.data.folder_scan import SPLITS, scan_folder
from heat_core.data.formats.manifest import open_rows
from heat_core.data.formats.table_columns import PATH_NAMES
from heat_core.data.formats.table_rows import explain_read_errors
from heat_core.data.image_table import LABEL
from heat_core.data.manifest_cells import column_texts
from heat_core.data.skipped_rows import SkippedRows
from heat_core.digests import digest_of_bytes
from heat_core.errors import HeatError
from heat_core.exchange.class_folders import TABLE
from heat_core.exchange.label_rows import FORMATS_READ, LabelRow, make_row
from heat_core.exchange.label_studio import NEW_CLASS
from heat_core.exchange.picture_formats import IMAGES, UNLABELLED
from heat_core.names import printable, unescape_formula
from heat_core.storage import is_folder, writing

_TABLES = ("metadata.csv", "metadata.jsonl", "metadata.parquet", TABLE)
_COLUMNS = (LABEL, NEW_CLASS, "key", "set", "id", "true_class", "digest", "file_size", *PATH_NAMES)
_NO_CLASSES = (*SPLITS, IMAGES, UNLABELLED)  # folders that are no labels


def read_table(path: Path) -> list[LabelRow]:
    """Read the labels of a table; one that equals the column `true_class` is what the export wrote, and no label.

    Raises:
        HeatError: if the table is damaged, or has no column `label`.
    """
    rows = _read_cells(path)
    if rows and LABEL not in rows[0]:
        raise HeatError(f"{printable(path)} has no column `{LABEL}`: {FORMATS_READ}.")
    return [_row_of(cells) for cells in rows]


def _row_of(cells: dict[str, str]) -> LabelRow:
    label = cells.get(NEW_CLASS) or cells[LABEL]
    return make_row("" if label == cells.get("true_class") else label, cells, _path_of(cells))


def _path_of(cells: dict[str, str]) -> str:
    return next((cells[name] for name in PATH_NAMES if name in cells), "")


def _read_cells(path: Path) -> list[dict[str, str]]:
    """Read the texts of each row in the columns that have a meaning here."""
    table, kind = open_rows(path)
    header = [name.strip().lower() for name in table.header]
    places = {name: header.index(name) for name in _COLUMNS if name in header}
    rows: list[dict[str, str]] = []
    with explain_read_errors(path, kind):
        for batch, _ in table.batches(sorted(places.values()), SkippedRows()):
            columns = [column_texts(batch[index], table.missing).tolist() for index in places.values()]
            if kind == "CSV":  # an export, of which a person may have kept some columns
                columns = [list(map(unescape_formula, texts)) for texts in columns]
            rows += [dict(zip(places, cells, strict=True)) for cells in zip(*columns, strict=True)]
    return rows


def read_folder(path: Path) -> list[LabelRow]:
    """Read the labels of a folder or archive: those of its tables, or else the folders in which its images lie.

    An image that lies in the folder in which an export had put it has no label of a person.

    Raises:
        HeatError: if it cannot be read, or holds neither.
    """
    with tempfile.TemporaryDirectory() as scratch:
        tables = [_read_cells(table) for table in _tables_of(path, Path(scratch))]
    labelled = [rows for rows in tables if rows and LABEL in rows[0]]
    if labelled:
        return [_row_of(cells) for rows in labelled for cells in rows]
    rows = list(_read_class_folders(path, [cells for rows in tables for cells in rows]))
    if not rows:
        raise HeatError(f"{printable(path)} holds neither a table with a column `{LABEL}` nor images: {FORMATS_READ}.")
    return rows


def _tables_of(path: Path, scratch: Path) -> Iterator[Path]:
    """Yield the tables of a folder, or copies of those of an archive."""
    if is_folder(path):
        yield from sorted(found for found in path.rglob("*") if found.name in _TABLES)
        return
    for number, name in enumerate(list_archive(path).names):
        if PurePosixPath(name).name in _TABLES:
            copy = scratch / str(number) / PurePosixPath(name).name
            with writing(copy), open_file(path / name) as file:
                copy.parent.mkdir()
                copy.write_bytes(file.read())
            yield copy


def _read_class_folders(path: Path, exported: list[dict[str, str]]) -> Iterator[LabelRow]:
    """Yield a row for each image, with the folder in which it lies as its label.

    An image is one that was exported where its name and, if the export has digests, its bytes are the same.
    """
    of_name: dict[str, list[tuple[PurePosixPath, dict[str, str]]]] = defaultdict(list)
    for cells in exported:
        place = PurePosixPath(_path_of(cells))
        of_name[place.name].append((place, cells))
    scan = scan_folder(path)
    for file, name in zip(scan.files, scan.names, strict=True):
        place = PurePosixPath(name)
        label = "" if place.parent.name in _NO_CLASSES else place.parent.name
        with open_file(file) as opened:
            content = opened.read()
        digest = digest_of_bytes(content)
        same = (pair for pair in of_name[place.name] if pair[1].get("digest", "") in ("", digest))
        if found := next(same, None):
            before, cells = found
            yield make_row("" if before.parent.name == place.parent.name else label, cells, name)
        else:
            yield LabelRow(label, "", place.name, digest, len(content))
