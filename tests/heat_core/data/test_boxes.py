"""Crops of a detector: how boxes are written, which are none, and what is seen of them."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from heat_core import HeatError
from heat_core.data.datasets import from_files, open_dataset
from heat_core.data.formats.manifest import Manifest
from heat_core.data.image_location import ImageLocation
from heat_core.data.skipped_rows import SkippedRows


@pytest.fixture
def picture(tmp_path):
    """40 wide and 30 high; red is the column, green the row."""
    pixels = np.zeros((30, 40, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.arange(40), np.arange(30)[:, None]
    Image.fromarray(pixels).save(tmp_path / "p.png")
    return pixels


def boxes(path):
    bad, manifest = SkippedRows(), Manifest(path)
    found = [block.boxes for block in manifest.blocks(bad)]
    return np.concatenate(found).tolist(), bad.sentences()


def crop(tmp_path, x, y, w, h) -> np.ndarray:
    (tmp_path / "l.csv").write_text(f'path,box\np.png,"{x},{y},{w},{h}"\n')
    return np.asarray(open_dataset(str(tmp_path / "l.csv")).open(0))


@pytest.mark.parametrize(
    "cell",
    ["10,20,30,40", "[10, 20, 30, 40]", "(10; 20; 30; 40)", " 10 20 30 40 ", "1e1,20.,+30,40.0", "[10,20,30,40"],
)
def test_a_box_may_be_written_in_several_ways(tmp_path, cell):
    (tmp_path / "l.csv").write_text(f'path,Box\na.png,"{cell}"\nb.png,".5,-7,3.25,4"\n')
    assert boxes(tmp_path / "l.csv") == ([[10, 20, 30, 40], [0.5, -7, 3.25, 4]], [])


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("", "is not four numbers"),
        ("1,2,3", "is not four numbers"),
        ("1,2,3,4,5", "is not four numbers"),
        ("1,2,x,4", "is not four numbers"),
        ("1,2,nan,4", "is not four numbers"),
        ("1,2,inf,4", "is not four numbers"),
        ("1,2,1e999,4", "is not four numbers"),
        ("1,,2,3,4", "is not four numbers"),
        ("1_0,2,3,4", "is not four numbers"),
        ("1,2,0,4", "has no width or height"),
        ("1,2,3,-4", "has no width or height"),
    ],
)
def test_a_box_that_is_none_is_a_bad_row(tmp_path, cell, why):
    (tmp_path / "l.csv").write_text(f'path,box\na.png,"{cell}"\nb.png,"1,2,3,4"\n')
    assert boxes(tmp_path / "l.csv") == ([[1, 2, 3, 4]], [f"l.csv, row 2: its box {why}"])


@pytest.mark.parametrize(
    "column",
    [
        pa.array([[1, 2, 3, 4], None, [1, 2], [5, 6, 7.5, 8]]),
        pa.array([[1, 2, 3, 4], None, [1, None, 3, 4], [5, 6, 7.5, 8]], pa.list_(pa.float32(), 4)),
        pa.array([[1, 2, 3, 4], None, [], [5, 6, 7.5, 8]], pa.large_list(pa.float64())),
        pa.array([["1", "2", "3", "4"], None, ["a", "2", "3", "4"], ["5", "6", "7.5", "8"]]),
        pa.array(["1,2,3,4", None, "?", "5,6,7.5,8"]),
        pa.array([{"h": 4, "w": 3, "x": 1, "y": 2}, None, {"x": 1}, {"x": 5, "y": 6, "w": 7.5, "h": 8}]),
        pa.array([{"X": 1, "Y": 2, "Width": 3, "Height": 4, "score": 9}, None, {"X": 1},
                  {"X": 5, "Y": 6, "Width": 7.5, "Height": 8}]),
    ],
)  # fmt: skip
def test_boxes_of_parquet_files_may_be_of_several_kinds(tmp_path, column):
    pq.write_table(pa.table({"path": list("abcd"), "box": column}), tmp_path / "l.parquet")
    found, bad = boxes(tmp_path / "l.parquet")
    assert found == [[1, 2, 3, 4], [5, 6, 7.5, 8]]
    assert bad == [f"l.parquet, row {row}: its box is not four numbers" for row in (2, 3)]


def test_four_columns_are_a_box_and_three_are_columns(tmp_path):
    (tmp_path / "l.csv").write_text("path,X,y,w,h,z\na.png,1,2,3,4,5\nb.png,1,2,,4,5\n")
    assert boxes(tmp_path / "l.csv") == ([[1, 2, 3, 4]], ["l.csv, row 3: its box is not four numbers"])
    manifest = Manifest(tmp_path / "l.csv")
    assert manifest.names == ["z"]
    assert manifest.notes == ["Its columns x, y, w and h are boxes in pixels: the images are crops of the files."]
    (tmp_path / "l.csv").write_text("path,X,y,w\na.png,1,2,3\n")
    assert not Manifest(tmp_path / "l.csv").has_boxes
    assert Manifest(tmp_path / "l.csv").names == ["X", "y", "w"]
    (tmp_path / "l.csv").write_text('path,x,y,w,h,box\na.png,1,2,3,4,"5,6,7,8"\n')
    assert boxes(tmp_path / "l.csv") == ([[5, 6, 7, 8]], [])
    assert Manifest(tmp_path / "l.csv").names == ["x", "y", "w", "h"]


def test_boxes_that_are_shares_of_the_image_are_refused(tmp_path):
    (tmp_path / "l.csv").write_text("path,x,y,w,h\na.png,0.1,0.2,0.3,0.4\nb.png,0,0,1,1\n")
    with pytest.raises(HeatError, match="seem to be shares of the image"):
        boxes(tmp_path / "l.csv")


@pytest.mark.parametrize(
    ("box", "rows", "columns"),
    [
        ((10, 5, 20, 8), (5, 13), (10, 30)),
        ((-5, -5, 10, 10), (0, 5), (0, 5)),  # what lies beyond the image is cut off
        ((30, 20, 1e300, 1e300), (20, 30), (30, 40)),
        ((-1e300, 0, 2e300, 30), (0, 30), (0, 40)),
        ((3.4, 2.6, 5, 5), (3, 8), (3, 8)),
        ((7.3, 9.2, 0.1, 0.1), (9, 10), (7, 8)),  # a pixel at least
    ],
)
def test_a_crop_is_what_lies_in_its_box(tmp_path, picture, box, rows, columns):
    np.testing.assert_array_equal(crop(tmp_path, *box), picture[slice(*rows), slice(*columns)])


@pytest.mark.parametrize("box", [(40, 0, 5, 5), (0, 30, 5, 5), (-9, 0, 5, 5), (0, 1e300, 5, 5)])
def test_a_box_outside_of_the_image_cannot_be_read(tmp_path, picture, box):
    with pytest.raises(OSError, match="lies outside of"):
        crop(tmp_path, *box)


def test_a_box_is_of_the_upright_image(tmp_path, picture):
    image = Image.open(tmp_path / "p.png")
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    image.save(tmp_path / "p.png", exif=exif)
    upright = np.rot90(picture, -1)
    np.testing.assert_array_equal(crop(tmp_path, 2, 3, 10, 12), upright[3:15, 2:12])


def test_a_file_that_changed_is_read_again(tmp_path, picture):
    crop(tmp_path, 0, 0, 5, 5)
    Image.new("RGB", (40, 30), "white").save(tmp_path / "p.png")
    assert (crop(tmp_path, 0, 0, 5, 5) == 255).all()


def test_two_crops_of_one_file_are_two_samples_whose_ids_stay(tmp_path, picture):
    (tmp_path / "l.csv").write_text('path,box\np.png,"1,2,3,4"\np.png,"5,6,7,8"\np.png,"1,2,3,4"\n')
    images = open_dataset(str(tmp_path / "l.csv"))
    assert images.ids == ["p.png#xywh=1,2,3,4", "p.png#xywh=5,6,7,8"]
    assert images.notes == ("1 of its rows name an image that another row names: the first is taken.",)
    assert images.location(1) == ImageLocation(tmp_path / "p.png", (5, 6, 7, 8))
    np.testing.assert_array_equal(np.asarray(images.subset(np.array([1]), "x").open(0)), picture[6:14, 5:12])
    (tmp_path / "l.csv").write_text('path,box\np.png,"9,9.5,3,4"\np.png,"5,6,7,8"\n')  # another row has a fraction
    assert open_dataset(str(tmp_path / "l.csv")).ids == ["p.png#xywh=9,9.5,3,4", "p.png#xywh=5,6,7,8"]


def test_crops_and_whole_images_are_scored_side_by_side(tmp_path, picture):
    (tmp_path / "l.csv").write_text('path,box\np.png,"1,2,3,4"\n')
    images = from_files([tmp_path / "l.csv", tmp_path / "p.png"])
    assert images.ids == [f"{tmp_path}/p.png#xywh=1,2,3,4", f"{tmp_path}/p.png"]
    assert [images.open(i).size for i in range(2)] == [(3, 4), (40, 30)]
    assert images.location(0).box == (1, 2, 3, 4)
    assert images.location(1) == ImageLocation(tmp_path / "p.png")


@pytest.mark.parametrize("box", [None, (1.0, 2.0, 3.0, 4.0), (0.1, -2.5, 3e20, 4.0)])
def test_a_place_is_written_and_read(tmp_path, picture, box):
    place = ImageLocation(tmp_path / "p.png", box)
    assert ImageLocation.parse(str(place)) == place


def test_a_place_of_no_file_is_none(tmp_path, picture):
    for name in ("gone.png", f"{tmp_path}/gone.png#xywh=1,2,3,4", f"{tmp_path}/p.png#x"):
        assert ImageLocation.parse(name) is None
    for box in ("1,2,3", "1,2,3,x", "1,2,3,nan"):
        assert ImageLocation.parse(f"{tmp_path}/p.png#xywh={box}") is None
    (tmp_path / "p.png").rename(tmp_path / "p#xywh=1,2,3,4")
    called_so = tmp_path / "p#xywh=1,2,3,4"  # a file
    assert ImageLocation.parse(f"{tmp_path}/p#xywh=1,2,3,4") == ImageLocation(called_so)
