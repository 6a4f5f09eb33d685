"""COCO files and YOLO folders: each annotation is a crop, with its class."""

import json

import numpy as np
import pytest
from PIL import Image

from heat_core import HeatError
from heat_core.data.datasets import from_files, open_dataset
from tests.heat_core.data.containers.test_archives import png, zipped
from tests.heat_core.data.pictures import BLUE, GREEN, RED, colours


def halves(path, left=RED, right=BLUE, orientation=None) -> None:
    """A picture of 40 × 20 pixels whose halves have two colours; JPEGs may be stored turned."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, :20], pixels[:, 20:] = left, right
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.fromarray(pixels).save(path, exif=exif, **({"quality": 95} if path.suffix == ".jpg" else {}))


def coco(path, annotations, **changes):
    content = {
        "images": [{"id": i, "file_name": f"{i}.png"} for i in (1, 2)],
        "categories": [{"id": 7, "name": "cat"}, {"id": 9, "name": "dog"}],
        "annotations": annotations,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content | changes))
    return path


def crop(image, category, box, **more):
    return {"id": 1, "image_id": image, "category_id": category, "bbox": box, "segmentation": [[1, 2]], **more}


PAIR = [crop(1, 7, [0, 0, 20, 20]), crop(1, 9, [20.5, 0, 10, 20])]
EXPECTED = {"1.png#xywh=0,0,20,20": RED, "1.png#xywh=20.5,0,10,20": BLUE}


@pytest.mark.parametrize("place", [".", "images", "train2017", "images/train2017", "../images", "../train2017"])
def test_annotations_are_crops_of_images_in_the_usual_places(tmp_path, place):
    file = coco(tmp_path / "annotations/instances_train2017.json", PAIR)
    halves(file.parent / place / "1.png")
    images = open_dataset(str(file))
    assert colours(images) == EXPECTED
    assert [images.class_names[label] for label in images.labels] == ["cat", "dog"]
    assert images.notes == ("1 images without annotations are left out.",)
    assert len(from_files([file])) == 2


def test_images_of_coco_may_stay_in_their_archive(tmp_path):
    halves(tmp_path / "1.png")
    zipped(tmp_path / "val2017.zip", {"val2017/1.png": (tmp_path / "1.png").read_bytes()})
    (tmp_path / "1.png").unlink()
    assert colours(open_dataset(str(coco(tmp_path / "annotations/instances_val2017.json", PAIR)))) == EXPECTED


def test_annotations_that_are_no_crops_are_counted(tmp_path):
    halves(tmp_path / "1.png")
    wrong = [
        crop(1, 7, [0, 0, 5, 5], iscrowd=1),
        crop(8, 7, [0, 0, 5, 5]),
        crop(1, 8, [0, 0, 5, 5]),
        crop(1, 7, [0, 0, 5]),
        crop(1, 7, [0, 0, 5, 0]),
        crop(2, 7, [0, 0, 5, 5]),
    ]
    images = open_dataset(str(coco(tmp_path / "x.json", [*PAIR, *wrong])))
    assert colours(images) == EXPECTED
    notes = " ".join(images.notes)
    assert "1 annotations of crowds (`iscrowd`) are left out." in notes
    assert "5 of its rows are left out" in notes
    for reason in ("row 4: its image_id", "row 5: its category_id", "row 6: its bbox is not", "row 7: its bbox has no"):
        assert reason in notes
    assert "row 8: not there" in notes


def test_a_coco_file_without_annotations_lists_whole_images(tmp_path):
    halves(tmp_path / "1.png")
    halves(tmp_path / "2.png")
    images = open_dataset(str(coco(tmp_path / "x.json", [])))
    assert (images.ids, images.labels) == (["1.png", "2.png"], None)
    assert "taken whole" in images.notes[0]


@pytest.mark.parametrize(
    ("text", "why"), [('{"images": [', "as JSON"), ("[1]", "no COCO file"), ('{"images": [{"id": 1}]}', "no COCO file")]
)
def test_other_json_files_are_refused(tmp_path, text, why):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(HeatError, match=why):
        open_dataset(str(tmp_path / "x.json"))


def yolo(root, labels, description="names: [cat, dog]\ntrain: images/train\nval: images/val\n", image="a.png"):
    """A YOLO folder with an image and its labels in each split."""
    root.mkdir(exist_ok=True)
    (root / "data.yaml").write_text(description)
    for split in ("train", "val"):
        halves(root / "images" / split / image)
        file = (root / "labels" / split / image).with_suffix(".txt")
        file.parent.mkdir(parents=True)
        file.write_text(labels)
    return root


LINES = "0 0.25 0.5 0.5 1\n1 0.6 0.1 0.9 0.1 0.9 0.8\n"
BOXES = {"images/val/a.png#xywh=0,0,20,20": RED, "images/val/a.png#xywh=24,2,12,14": BLUE}


def test_lines_of_labels_are_crops_with_names(tmp_path):
    images = open_dataset(str(yolo(tmp_path / "x", LINES)), "test")
    assert colours(images) == BOXES
    assert [images.class_names[label] for label in images.labels] == ["cat", "dog"]
    train = open_dataset(str(tmp_path / "x/data.yaml"), "train")
    assert [sample.split("/")[1] for sample in train.ids] == ["train", "train"]
    assert train.has_test_rows


@pytest.mark.parametrize(
    "description",
    [
        "names: {0: cat, 1: dog}\npath: .\ntrain: [images/train]\nval: images/val\n",
        "names: [cat, dog]\npath: /gone\ntrain: ../images/train\nval: ../images/val\n",
    ],
)
def test_descriptions_as_programs_write_them(tmp_path, description):
    assert colours(open_dataset(str(yolo(tmp_path / "x", LINES, description)), "test")) == BOXES


def test_shares_are_those_of_the_upright_image(tmp_path):
    root = yolo(tmp_path / "x", "0 0.5 0.25 1 0.5\n", image="a.jpg")
    halves(root / "images/val/a.jpg", RED, BLUE, orientation=6)  # upright: 20 × 40 pixels, red above blue
    images = open_dataset(str(root), "test")
    assert images.ids == ["images/val/a.jpg#xywh=0,0,20,20"]
    red, _, blue = images.open(0).getpixel((10, 10))
    assert red > 200 > 60 > blue


def test_lines_that_are_no_boxes_are_counted(tmp_path):
    lines = LINES + "0 0.5 0.5 0.5\n5 0.5 0.5 0.1 0.1\n0 30 20 10 10\n0 a b c d\n0 0.5 0.5 0 0.5\n"
    root = yolo(tmp_path / "x", lines)
    (root / "images/val/empty.png").write_bytes(png(GREEN))
    (root / "images/val/torn.png").write_bytes(png(GREEN)[:20])
    (root / "labels/val/torn.txt").write_text(LINES)
    images = open_dataset(str(root), "test")
    assert colours(images) == BOXES
    notes = " ".join(images.notes)
    for words in ("4 numbers", "class 5", "shares of the image", "not only numbers", "no width or height"):
        assert words in notes
    assert "10 of its rows are left out" in notes
    assert "1 images without boxes are left out. 1 images that cannot be read are left out." in notes


@pytest.mark.parametrize(
    ("description", "why"),
    [("names: [", "as YAML"), ("train: x", "does not describe"), ("names: [a]\ntrain: x", "None of the folders")],
)
def test_descriptions_of_nothing_are_refused(tmp_path, description, why):
    (tmp_path / "data.yaml").write_text(description)
    with pytest.raises(HeatError, match=why):
        open_dataset(str(tmp_path))
