"""JSON Lines: an object in each line, whose keys are the columns."""

import gzip

import numpy as np
import pytest

from heat_core import HeatError
from heat_core.data.datasets import from_files, open_dataset
from tests.conftest import make_folder


@pytest.fixture
def folder(tmp_path):
    """A folder with 6 images, `i/000.png` and so on."""
    make_folder(tmp_path / "i", {"": 6})
    return tmp_path


@pytest.mark.parametrize("name", ["l.jsonl", "l.ndjson", "l.jsonl.gz"])
def test_objects_are_rows_whatever_their_keys(folder, name):
    lines = [
        '{"path": "i/000.png", "label": true, "t": 1, "tags": ["x"], "note": "two\\nlines, \\"quoted\\""}',
        '{"t": 2.5, "path": {"bytes": null, "path": "i/001.png"}, "label": false}',
        "",
        '{"path": "i/002.png", "label": true, "t": null, "late": "é"}',
    ]
    content = ("\ufeff" + "\r\n".join(lines)).encode()
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    images = open_dataset(str(folder / name))
    assert (images.name, images.ids) == ("l", [f"i/{n:03d}.png" for n in range(3)])
    assert images.class_names == ["false", "true"]
    assert images.columns["note"].tolist() == ['two\\nlines, "quoted"', "", ""]
    assert images.columns["late"].tolist() == ["", "", "é"]
    np.testing.assert_array_equal(images.columns["t"], [1, 2.5, np.nan])
    assert images.notes == ("Columns of lists or objects are left out: tags.",)


def test_lines_that_are_no_objects_are_left_out_and_named(folder):
    lines = ['{"path": "i/000.png"}', '["i/001.png"]', '{"path": "i/002.png"', '"text"', '{"label": "a"}', "9" * 5000]
    (folder / "l.jsonl").write_text("\n".join(lines))
    images = from_files([folder / "l.jsonl"])
    assert len(images) == 1
    left = images.notes[-1]
    assert left.startswith("5 rows are left out: l.jsonl, row 2: no JSON object: [")
    assert "row 3: no JSON object" in left
    assert "row 4: no JSON object" in left
    assert "row 5: no path" in left
    (folder / "l.jsonl").write_text('[\n"i/000.png"\n]')
    with pytest.raises(HeatError, match="cannot be read as JSON Lines: no line of it holds an object"):
        from_files([folder / "l.jsonl"])


@pytest.mark.parametrize(
    "box",
    [
        '"box": [1, 2, 3, 4.5]',
        '"bbox": [1, 2, 3, 4.5]',
        '"box": {"x": 1, "y": 2, "width": 3, "height": 4.5}',
        '"box": "1, 2, 3, 4.5"',
        '"x": 1, "y": 2, "w": 3, "h": 4.5',
        '"left": 1, "top": "2", "right": 4, "bottom": 6.5',
    ],
)
def test_boxes_may_have_any_form(folder, box):
    (folder / "l.jsonl").write_text(f'{{"path": "i/000.png", {box}}}')
    assert from_files([folder / "l.jsonl"]).boxes.tolist() == [[1, 2, 3, 4.5]]
