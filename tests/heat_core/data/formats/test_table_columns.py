"""Names of the columns that hold paths and boxes."""

from pathlib import Path

import pytest

from heat_core import HeatError
from heat_core.data.formats.table_columns import find_columns

BOXES = "Its columns {} are boxes in pixels: the images are crops of the files."


@pytest.mark.parametrize(
    ("header", "column"),
    [
        (["file_name", "label"], "file_name"),
        (["n", "Filename"], "Filename"),
        (["filepath"], "filepath"),
        (["File Path"], "File Path"),
        (["image", "image_path"], "image_path"),
        (["img_path"], "img_path"),
        (["id", " Image "], "Image"),
    ],
)
def test_the_column_of_paths_may_have_other_names(header, column):
    columns = find_columns(header, set(), Path("l.csv"))
    assert header[columns.path].strip() == column
    assert columns.notes == [f"Its column `{column}` holds the paths."]
    assert column not in columns.texts


def test_the_name_path_comes_first():
    columns = find_columns(["image", "path", "class", "file_name"], set(), Path("l.csv"))
    assert (columns.path, columns.notes) == (1, [])
    assert list(columns.texts) == ["image", "class", "file_name"]
    with pytest.raises(HeatError, match="more than one column `file_name`"):
        find_columns(["file_name", "FILE_NAME"], set(), Path("l.csv"))


@pytest.mark.parametrize(
    ("header", "boxes", "corners", "note"),
    [
        (["path", "x", "y", "w", "h"], [1, 2, 3, 4], False, BOXES.format("x, y, w and h")),
        (["path", "ymin", "xmin", "XMax", "ymax"], [2, 1, 3, 4], True, BOXES.format("xmin, ymin, xmax and ymax")),
        (["path", "x1", "y1", "x2", "y2"], [1, 2, 3, 4], True, BOXES.format("x1, y1, x2 and y2")),
        (["left", "top", "right", "bottom", "path"], [0, 1, 2, 3], True, BOXES.format("left, top, right and bottom")),
        (["path", "bbox"], [1], False, "Its column `bbox` holds boxes, x, y, w, h in pixels: the images are crops."),
        (["path", "bbox", "box", "x", "y", "w", "h"], [2], False, None),
        (["path", "x", "y", "width", "height"], [], False, None),
    ],
)
def test_columns_of_boxes(header, boxes, corners, note):
    columns = find_columns(header, set(), Path("l.csv"))
    assert (columns.boxes, columns.has_corners) == (boxes, corners)
    assert columns.notes == ([note] if note else [])
    assert set(columns.texts.values()) == set(range(len(header))) - {columns.path, *boxes}
