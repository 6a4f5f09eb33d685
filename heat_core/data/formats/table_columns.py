"""Columns of a table that lists images: which of them have a meaning, and which are kept as metadata."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from heat_core.data.folder_scan import unique_names
from heat_core.data.image_table import GROUP, LABEL, SET, SPLIT, TIME
from heat_core.errors import HeatError
from heat_core.names import printable

#: Names of the column that holds the paths, the first that a table has.
PATH_NAMES = ("path", "file_name", "filename", "filepath", "file_path", "image_path", "img_path", "image")
_BOX_NAMES = ("box", "bbox")  # one column with x, y, w, h
_EDGE_NAMES = ("x", "y", "w", "h")
_CORNER_NAMES = (
    ("xmin", "ymin", "xmax", "ymax"),
    ("x_min", "y_min", "x_max", "y_max"),
    ("x1", "y1", "x2", "y2"),
    ("left", "top", "right", "bottom"),
)
_KNOWN = (LABEL, SPLIT, SET, GROUP, TIME)
_MOST_COLUMNS = 32  # columns of other names that are kept
_INDEX = ("__index_level_", "Unnamed: ")  # prefixes of names that pandas gives to columns without a name


@dataclass(frozen=True)
class TableColumns:
    """Columns of a table that are read, as indices in its header.

    Attributes:
        path: column of the paths.
        boxes: one column of boxes, or four of numbers; empty if there are none.
        has_corners: whether the four columns are the edges of the box instead of x, y, w, h.
        texts: name → column, columns with a meaning first.
        notes: sentences about columns.
    """

    path: int
    boxes: list[int]
    has_corners: bool
    texts: dict[str, int]
    notes: list[str]


def find_path_column(header: Sequence[str]) -> int | None:
    """Return the index of the column that holds the paths; None if there is none."""
    names = [re.sub(r"[\s-]+", "_", name.strip().lower()) for name in header]
    return next((names.index(name) for name in PATH_NAMES if name in names), None)


def find_box_columns(header: Sequence[str]) -> list[int]:
    """Return the indices of the columns that hold boxes: one of boxes, four of numbers, or none."""
    lower = [name.strip().lower() for name in header]
    form = next((form for form in _BOX_FORMS if set(form) <= set(lower)), ())
    return [lower.index(name) for name in form]


def find_columns(header: Sequence[str], nested: set[int], path: Path) -> TableColumns:
    """Find the columns that are read.

    Args:
        header: names of the columns.
        nested: indices of the columns that hold lists or objects.
        path: path of the table, for messages.

    Raises:
        HeatError: if there is no column of paths, or if a column with a meaning is there twice.
    """
    names = [printable(name.strip()) for name in header]
    lower = [name.lower() for name in names]
    path_column = find_path_column(header)
    if path_column is None:
        shown = ", ".join(names[:8])
        raise HeatError(f"{printable(path)} has no column `path`, only {shown}: name the one with the files `path`.")
    boxes = find_box_columns(header)
    box_names = tuple(lower[i] for i in boxes)
    meant = [lower[path_column], *(name for name in (*_KNOWN, *box_names) if name in lower)]
    if twice := [name for name in meant if lower.count(name) > 1]:
        raise HeatError(f"{printable(path)} has more than one column `{twice[0]}`: leave one.")
    texts = {name: lower.index(name) for name in _KNOWN if name in lower}
    kept = [i for i, name in enumerate(names) if lower[i] not in meant and name and not name.startswith(_INDEX)]
    others = dict(zip(unique_names([names[i] for i in kept]), kept, strict=True))
    notes = _notes(names[path_column], box_names)
    if left := [name for name, i in (texts | others).items() if i in nested]:
        notes.append(f"Columns of lists or objects are left out: {', '.join(left[:5])}.")
    texts, others = ({name: i for name, i in part.items() if name not in left} for part in (texts, others))
    if len(others) > _MOST_COLUMNS:
        notes.append(f"Of its {len(others)} further columns the first {_MOST_COLUMNS} are kept.")
    return TableColumns(
        path=path_column,
        boxes=boxes,
        has_corners=box_names in _CORNER_NAMES,
        texts=texts | dict(list(others.items())[:_MOST_COLUMNS]),
        notes=notes,
    )


def _notes(path_name: str, box_names: Sequence[str]) -> list[str]:
    notes = [] if path_name.lower() == PATH_NAMES[0] else [f"Its column `{path_name}` holds the paths."]
    if len(box_names) > 1:
        listed = f"{', '.join(box_names[:3])} and {box_names[3]}"
        notes.append(f"Its columns {listed} are boxes in pixels: the images are crops of the files.")
    elif box_names and box_names[0] != _BOX_NAMES[0]:
        notes.append(f"Its column `{box_names[0]}` holds boxes, x, y, w, h in pixels: the images are crops.")
    return notes


_BOX_FORMS = (*((name,) for name in _BOX_NAMES), _EDGE_NAMES, *_CORNER_NAMES)
