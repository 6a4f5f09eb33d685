"""Cells of lists: missing values, labels of any type, and columns that hold no values."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from heat_core import HeatError
from heat_core.data.datasets import from_files, open_dataset
from heat_core.data.folder_scan import unique_names
from heat_core.data.manifest_cells import MISSING_IN_CSV
from tests.conftest import make_folder


@pytest.fixture
def folder(tmp_path):
    """A folder with 6 images, `i/000.png` and so on."""
    make_folder(tmp_path / "i", {"": 6})
    return tmp_path


def listed(folder, labels, name: str = "l.csv") -> str:
    """A list of the first images with these labels, and with `t`, which is missing in row 3; returns its path."""
    paths = [f"i/{n:03d}.png" for n in range(len(labels))]
    if name.endswith(".parquet"):
        pq.write_table(pa.table({"path": paths, "label": labels}), folder / name)
    else:
        lines = [
            f'"{p}",{label},{"NA" if n == 1 else n}' for n, (p, label) in enumerate(zip(paths, labels, strict=True))
        ]
        (folder / name).write_text("\n".join(["path,label,t", *lines]))
    return str(folder / name)


# What pandas reads as missing (`pandas._libs.parsers.STR_NA_VALUES`).
WORDS = "#N/A,#N/A N/A,#NA,-1.#IND,-1.#QNAN,-NaN,-nan,1.#IND,1.#QNAN,<NA>,N/A,NA,NULL,NaN,None,n/a,nan,null,"


@pytest.mark.parametrize("word", WORDS.split(","))
def test_what_pandas_reads_as_missing_is_no_label(folder, word):
    images = open_dataset(listed(folder, ["a", word, "b", f" {word}"]), "train")
    assert images.class_names == ["a", "b"]
    assert images.columns["t"].tolist() == [0, 2]
    assert "2 of its rows are left out: l.csv, row 3: no label; l.csv, row 5: no label." in images.notes
    np.testing.assert_array_equal(from_files([folder / "l.csv"]).columns["t"], [0, np.nan, 2, 3])


def test_a_missing_value_that_may_be_a_name_is_reported(folder):
    note = "In its column `label` the text NA is read as no value (2 rows)."
    assert note in open_dataset(listed(folder, ["a", "NA", "b", "NA"]), "train").notes
    assert f"l.csv: {note}" in from_files([folder / "l.csv"]).notes
    test = open_dataset(listed(folder, ["a", "NA", "b"]))
    assert "1 of its rows have no label, so that the set is taken without classes." in test.notes
    assert {"Na", "none", "na"}.isdisjoint(MISSING_IN_CSV)


def test_a_class_called_na_is_possible_in_parquet_and_json(folder):
    """Parquet has missing values of its own, so that NA is a name in it."""
    images = open_dataset(listed(folder, ["NA", None, "EU"], "l.parquet"), "train")
    assert images.class_names == ["EU", "NA"]
    assert "In its column `label` the text NA is read as a name (1 rows)." in images.notes
    (folder / "l.jsonl").write_text('{"path": "i/000.png", "label": "NA"}\n{"path": "i/001.png", "label": "EU"}\n')
    assert open_dataset(str(folder / "l.jsonl"), "train").class_names == ["EU", "NA"]


@pytest.mark.parametrize(
    ("column", "texts", "names"),
    [
        (pa.array([True, False]), ["True", "False"], ["false", "true"]),
        (pa.array([True, False]), ["TRUE", "FALSE"], ["false", "true"]),
        (pa.array([1.0, 2.0]), ["1", "2"], ["1", "2"]),
        (pa.array([1, 2]), ["1.0", "2.0"], ["1", "2"]),
        (pa.array([1.0, 2.5]), ["1.0", "2.5"], ["1", "2.5"]),
        (pa.array(["1.0", "2.0"]), ["1", "2"], ["1", "2"]),
        (pa.array(["01", "1"]), ["01", "1"], ["1", "01"]),
        (pa.array(["v1.0", "1.0.0"]), ["v1.0", "1.0.0"], ["1.0.0", "v1.0"]),
        (pa.array(["1", "2"]).dictionary_encode(), ["1.", "2.00"], ["1", "2"]),
    ],
)
def test_labels_are_the_same_classes_whatever_their_type(folder, column, texts, names):
    parquet, csv = open_dataset(listed(folder, column, "l.parquet")), open_dataset(listed(folder, texts))
    assert sorted(parquet.class_names) == sorted(csv.class_names) == sorted(names)
    assert [parquet.class_names[i] for i in parquet.labels] == [csv.class_names[i] for i in csv.labels]


def test_folders_and_lists_have_the_same_classes(folder):
    make_folder(folder / "sorted", {"True": 1, "False": 1})
    classes = open_dataset(str(folder / "sorted")).class_names
    assert classes == open_dataset(listed(folder, ["TRUE", "FALSE"])).class_names == ["false", "true"]


def test_boxes_of_another_shape_are_no_boxes(folder):
    boxes = pa.array([[[1.0, 2.0, 3.0, 4.0]], [[1.0, 2.0, 3.0, 4.0]] * 4])
    pq.write_table(pa.table({"path": ["i/000.png", "i/001.png"], "box": boxes}), folder / "l.parquet")
    with pytest.raises(HeatError, match="row 1: its box is not four numbers"):
        open_dataset(str(folder / "l.parquet"))


def test_paths_that_are_lists_are_refused_with_the_remedy(folder):
    pq.write_table(pa.table({"path": [["i/000.png"], ["i/001.png"]]}), folder / "l.parquet")
    with pytest.raises(HeatError, match="the column of paths holds list<element: string>: give one row for each image"):
        open_dataset(str(folder / "l.parquet"))


def test_columns_without_values_are_left_out_and_said(folder):
    columns = {
        "path": pa.array([{"bytes": None, "path": f"i/{n:03d}.png"} for n in range(2)]),
        "label": ["a", "b"],
        "tensor": pa.FixedShapeTensorArray.from_numpy_ndarray(np.ones((2, 2, 2), np.float32)),
        "list": pa.array([[1.0], [2.0]]),
        "uuid": pa.array([bytes(16), bytes(range(200, 216))], pa.uuid()),
        "numbers": ["1", "NA"],
        "truth": pa.array([True, None]),
    }
    pq.write_table(pa.table(columns), folder / "l.parquet")
    images = open_dataset(str(folder / "l.parquet"))
    assert images.ids == ["i/000.png", "i/001.png"]
    assert images.class_names == ["a", "b"]
    assert images.notes == ("Columns of lists or objects are left out: tensor, list.",)
    np.testing.assert_array_equal(images.columns["numbers"], [1, np.nan])
    assert images.columns["truth"].tolist() == ["true", ""]


def test_each_row_is_a_sample_of_its_own(folder):
    """Three rows that name one image, at three sites, are three samples; folders and files count once."""
    lines = [f"i/{n:03d}.png,{site}" for n in range(2) for site in "ABC"]
    (folder / "l.csv").write_text("\n".join(["path,site", *lines]))
    images = from_files([folder / "l.csv", folder / "i", folder / "i" / "000.png", folder / "l.csv"])
    assert images.columns["site"].tolist() == [*"ABCABC", *[""] * 6]
    assert len(set(images.ids)) == 12
    assert images.paths()[:6] == [str(folder / f"i/{n:03d}.png") for n in (0, 0, 0, 1, 1, 1)]
    assert images.notes == ("1 images are given more than once, and taken once.",)


@pytest.mark.parametrize(
    ("names", "unique"),
    [
        (["a", "b", "a", "a"], ["a", "b", "a~2", "a~3"]),
        (["a", "a~2", "a", "a~2"], ["a", "a~2", "a~3", "a~2~2"]),
        (["a", "a", "a~2"], ["a", "a~3", "a~2"]),
    ],
)
def test_numbered_names_are_unique(names, unique):
    assert unique_names(names) == unique
