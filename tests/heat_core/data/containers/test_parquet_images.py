"""Parquet files that contain the images, as the Hugging Face hub writes them."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from heat_core import HeatError
from heat_core.data.containers import parquet_images
from heat_core.data.datasets import from_files, open_dataset
from tests.heat_core.data.containers.test_archives import png
from tests.heat_core.data.pictures import BLUE, GREEN, RED, colours

CLASSES = {"_type": "ClassLabel", "names": ["tulip", "rose"]}


def hub_file(path, images, features=None, **columns):
    """A Parquet file with the column `image` as the hub writes it, two rows a group."""
    table = pa.table({"image": pa.array(images, pa.struct([("bytes", pa.binary()), ("path", pa.string())])), **columns})
    metadata = {"huggingface": json.dumps({"info": {"features": features}})} if features else None
    pq.write_table(table.replace_schema_metadata(metadata), path, row_group_size=2)
    return path


def images_of(*pairs):
    return [{"bytes": png(colour) if colour else None, "path": path} for colour, path in pairs]


def test_images_and_class_names_are_read_from_the_file(tmp_path):
    rows = images_of((RED, "n01/a.png"), (BLUE, "b.png"), (GREEN, None))
    file = hub_file(tmp_path / "train.parquet", rows, {"label": CLASSES}, label=[1, 0, 1], site=["n", "s", "s"])
    images = open_dataset(str(file))
    expected = {"train.parquet/000000-a.png": RED, "train.parquet/000001-b.png": BLUE, "train.parquet/000002": GREEN}
    assert colours(images) == expected
    assert [images.class_names[label] for label in images.labels] == ["rose", "tulip", "rose"]
    assert images.columns["site"].tolist() == ["n", "s", "s"]
    assert images.location(1).read().getpixel((0, 0)) == BLUE
    assert len(from_files([file])) == 3


def test_a_single_column_of_classes_is_the_label(tmp_path):
    rows = images_of((RED, None), (BLUE, None))
    images = open_dataset(str(hub_file(tmp_path / "x.parquet", rows, {"kind": CLASSES}, kind=[0, -1])))
    assert images.labels is None  # the number −1 has no name: the row has no class
    images = open_dataset(str(hub_file(tmp_path / "y.parquet", rows, {"kind": CLASSES}, kind=[0, 1])))
    assert images.class_names == ["rose", "tulip"]


def test_bytes_without_the_layout_of_the_hub(tmp_path):
    pq.write_table(pa.table({"img": [png(RED), png(BLUE)], "path": ["a", "b"]}), tmp_path / "x.parquet")
    images = open_dataset(str(tmp_path / "x.parquet"))
    assert list(colours(images).values()) == [RED, BLUE]
    assert images.columns["path in the file"].tolist() == ["a", "b"]


def test_rows_without_an_image_give_their_path_or_are_counted(tmp_path):
    Image.new("RGB", (8, 8), GREEN).save(tmp_path / "there.png")
    rows = images_of((RED, "a.png"), (None, "there.png"), (None, None))
    images = open_dataset(str(hub_file(tmp_path / "x.parquet", rows)))
    assert colours(images) == {"x.parquet/000000-a.png": RED, "there.png": GREEN}
    assert "row 3: no path" in images.notes[0]


def test_a_damaged_image_costs_itself_alone(tmp_path):
    rows = images_of((RED, None), (BLUE, None))
    rows[0]["bytes"] = rows[0]["bytes"][:40]
    images = open_dataset(str(hub_file(tmp_path / "x.parquet", rows)))
    with pytest.raises(OSError, match="cannot be read as an image"):
        images.open(0)
    assert images.open(1).getpixel((0, 0)) == BLUE


def test_too_many_images_in_one_row_group_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet_images, "LARGEST_GROUP", 100)
    file = hub_file(tmp_path / "x.parquet", images_of((RED, None), (BLUE, None)))
    with pytest.raises(HeatError, match=r"images in one row group.*row_group_size=100"):
        open_dataset(str(file))


def test_other_images_are_another_fingerprint(tmp_path):
    prints = {
        open_dataset(str(hub_file(tmp_path / "x.parquet", images_of((colour, "a.png"))))).fingerprint
        for colour in (RED, BLUE)
    }
    assert len(prints) == 2


@pytest.mark.parametrize("layout", ["{split}-00000-of-00001.parquet", "kind={split}/part.parquet"])
def test_a_folder_of_files_of_the_hub(tmp_path, layout):
    for split, colour in (("train", RED), ("test", BLUE)):
        file = tmp_path / "data" / layout.format(split=split)
        file.parent.mkdir(parents=True, exist_ok=True)
        hub_file(file, images_of((colour, "a.png")), {"label": CLASSES}, label=[0])
    images = open_dataset(str(tmp_path / "data"), "test")
    expected = {f"{layout.format(split='test')}/000000-a.png": BLUE}
    if layout.startswith("kind"):  # no split: the files are taken together
        expected |= {f"{layout.format(split='train')}/000000-a.png": RED}
    assert colours(images) == expected
