"""Folders that are lists: with metadata beside the images, or of Parquet files."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from heat_core import HeatError
from heat_core.data.datasets import from_files, open_dataset
from heat_core.data.table_formats import is_image_table
from tests.conftest import make_folder


def write_metadata(folder, name: str, rows: list[dict]) -> None:
    if name.endswith(".csv"):
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        (folder / name).write_text("\n".join(lines))
    elif name.endswith(".jsonl"):
        (folder / name).write_text("\n".join(map(json.dumps, rows)))
    else:
        pq.write_table(pa.Table.from_pylist(rows), folder / name)


def rows(count: int, **more) -> list[dict]:
    return [{"file_name": f"{n:03d}.png", "label": "ab"[n % 2], "age": n} | more for n in range(count)]


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "metadata.parquet"])
def test_a_flat_folder_with_metadata_is_a_list(tmp_path, name):
    folder = make_folder(tmp_path / "birds", {"": 5})
    write_metadata(folder, name, rows(4))
    images = open_dataset(str(folder), "train")
    assert (images.name, images.class_names, images.labels.tolist()) == ("birds", ["a", "b"], [0, 1, 0, 1])
    assert images.ids == [f"{n:03d}.png" for n in range(4)]
    assert images.columns["age"].tolist() == [0, 1, 2, 3]
    assert images.notes == (
        "Its column `file_name` holds the paths.",
        "1 images of the folder are not in its metadata, and left out: 004.png.",
    )
    assert [path.parent for path in images.files] == [folder] * 4
    scored = from_files([folder])
    assert scored.ids == [str(folder / f"{n:03d}.png") for n in range(4)]
    assert scored.columns["label"].tolist() == ["a", "b", "a", "b"]


def test_each_split_may_have_its_own_metadata(tmp_path):
    make_folder(tmp_path, {"train": 4, "test": 2})
    write_metadata(tmp_path / "train", "metadata.csv", rows(4))
    write_metadata(tmp_path / "test", "metadata.jsonl", rows(2, site="north"))
    train, test = (open_dataset(str(tmp_path), role) for role in ("train", "test"))
    assert train.ids == [f"train/{n:03d}.png" for n in range(4)]
    assert test.ids == ["test/000.png", "test/001.png"]
    assert train.has_test_rows
    assert set(test.columns) == {"label", "split", "age", "site"}
    assert test.columns["site"].tolist() == ["north", "north"]
    assert train.columns["site"].tolist() == [""] * 4


def test_a_split_without_metadata_is_reported(tmp_path):
    make_folder(tmp_path, {"train": 4, "test": 2})
    write_metadata(tmp_path / "train", "metadata.csv", rows(4))
    left = "2 images of the folder are not in its metadata, and left out: test/000.png, test/001.png."
    assert left in open_dataset(str(tmp_path), "train").notes


def test_metadata_that_changes_is_read_again(tmp_path):
    make_folder(tmp_path, {"": 4})
    for count in (3, 4):
        write_metadata(tmp_path, "metadata.csv", rows(count))
        assert len(open_dataset(str(tmp_path), "train")) == count


def test_metadata_without_labels_keeps_class_folders(tmp_path):
    make_folder(tmp_path, {"a": 2, "b": 2})
    (tmp_path / "metadata.csv").write_text("file_name,age\na/000.png,1\n")
    assert not is_image_table(tmp_path)
    assert open_dataset(str(tmp_path)).class_names == ["a", "b"]
    (tmp_path / "metadata.csv").write_text("file_name,label\na/000.png,x\nb/001.png,y\n")
    assert open_dataset(str(tmp_path)).class_names == ["x", "y"]


def test_damaged_metadata_is_a_sentence(tmp_path):
    make_folder(tmp_path, {"": 2})
    (tmp_path / "metadata.csv").write_text("file_name,label\n000.png,x\n", "utf-16")
    with pytest.raises(HeatError, match="written in UTF-16"):
        open_dataset(str(tmp_path))


def test_metadata_of_something_else_does_not_make_a_list(tmp_path):
    make_folder(tmp_path, {"": 2})
    (tmp_path / "metadata.csv").write_text("key,value\nlicence,none\n")
    assert open_dataset(str(tmp_path)).ids == ["000.png", "001.png"]


@pytest.mark.parametrize("at_root", [True, False])
def test_partitions_become_columns(tmp_path, at_root):
    """Paths are relative to the folder of the file, or to that of the whole list."""
    for label in ("a", "b"):
        for site in ("n", "s"):
            place = tmp_path / "list" / f"label={label}" / f"site={site}%20x"
            start = "i" if at_root else "."
            make_folder((tmp_path / "list" if at_root else place) / start, {"": 2})
            paths = [f"{start}/{n:03d}.png" for n in range(2)]
            place.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table({"path": paths, "n": [1, 2]}), place / "part-0.parquet")
    images = from_files([tmp_path / "list"])
    assert images.columns["label"].tolist() == [*"aaaabbbb"]
    assert images.columns["site"].tolist() == [*(["n x"] * 2 + ["s x"] * 2) * 2]
    assert images.columns["n"].tolist() == [1, 2] * 4
    assert all(path.is_file() for path in images.files)


def test_parquet_files_named_by_split_are_one_list(tmp_path):
    make_folder(tmp_path / "i", {"": 4})
    for n, name in enumerate(["train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"]):
        table = pa.table({"path": [f"../i/{n:03d}.png"], "label": ["a"]})
        (tmp_path / "data").mkdir(exist_ok=True)
        pq.write_table(table, tmp_path / "data" / f"{name}.parquet")
    assert open_dataset(str(tmp_path / "data"), "train").ids == ["../i/000.png", "../i/001.png"]
    assert open_dataset(str(tmp_path / "data"), "test").ids == ["../i/002.png"]


def test_other_folders_with_parquet_files_are_no_lists(tmp_path):
    make_folder(tmp_path / "images", {"a": 1, "b": 1})
    make_folder(tmp_path / "flat", {"": 2})
    (tmp_path / "job").mkdir()
    for name in ("images/embeddings", "flat/embeddings", "job/images", "job/scores-000000"):
        pq.write_table(pa.table({"path": ["x.png"]}), tmp_path / f"{name}.parquet")
    assert not any(is_image_table(tmp_path / name) for name in ("images", "flat", "job"))
