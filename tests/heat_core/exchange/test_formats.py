"""Every format of pictures, read back by the library that reads it."""

import ast
import csv
import io
import json
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote
from xml.etree import ElementTree

import datasets
import numpy as np
import pyarrow.parquet
import pytest
from torchvision.datasets import CocoDetection, ImageFolder

from heat_core import HeatError
from heat_core.analysis.notes import write_tags
from heat_core.analysis.samples import Samples
from heat_core.composition import Lens
from heat_core.exchange import FORMATS
from heat_core.exchange.export import file_name_of, formats_of, write_export
from tests.heat_core.exchange.conftest import OOD
from tests.synthetic import CLASSES, synthetic_run

NUMBERS = [12, 0, 13, 5, 14, 16, 15]  # the last one's file is gone
FILES = ["test-1.jpg", "000.png", "2.png", "001.png", "test-1~2.png", "000~2.png"]


def export(samples, kind: str, folder: Path, **options) -> list[str]:
    """Write an export, unpack it into a folder, and return what is left out."""
    out = io.BytesIO()
    sentences = write_export(samples, NUMBERS, kind, out, **options)
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return sentences


def source(tmp_path, number: int) -> bytes:
    """The bytes of the file of a sample."""
    if number < 12:
        return (tmp_path / "known" / CLASSES[number // 4] / f"{number % 4:03d}.png").read_bytes()
    return (tmp_path / "far" / OOD[number - 12] if number < 16 else tmp_path / "near" / "000.png").read_bytes()


def test_files_are_unchanged_and_all_are_said(samples, tmp_path):
    """Every format holds the bytes of the files and says what is left out."""
    for kind in [kind for kind in FORMATS if kind not in ("csv", "parquet", "zip")]:
        sentences = export(samples, kind, tmp_path / kind)
        found = {path.name: path for path in (tmp_path / kind).rglob("*") if path.suffix in (".png", ".jpg")}
        assert sorted(found) == sorted(FILES), kind
        for number, name in zip(NUMBERS, FILES, strict=False):
            assert found[name].read_bytes() == source(tmp_path, number)
        assert sentences == ["Left out: 1 of 7 images, whose files can no longer be read."]
        assert sentences[0] in (tmp_path / kind / "README.txt").read_text()
    sentences = export(samples, "coco", tmp_path / "few", most=2)
    assert sentences == ["Left out: 5 of 7 images, which are beyond the limit of this export."]


def test_pictures_that_are_no_files_are_pngs(demo_run, tmp_path):
    sentences = export(Samples(demo_run), "cvat", tmp_path)
    assert sentences == ["Written as PNG: 7 images that are crops or no files; all others are unchanged."]
    assert len(list((tmp_path / "images").glob("*.png"))) == 7


def test_imagefolder_in_datasets(samples, tmp_path):
    write_tags(samples.run.folder, [samples.key(13)], "=odd")
    export(samples, "imagefolder", tmp_path / "out")
    found = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in found.items()} == {"train": 6}
    by_key = {row["key"].lstrip("'"): row for row in found["train"]}
    assert set(by_key) == {samples.key(number) for number in NUMBERS[:-1]}
    for number in NUMBERS[:-1]:
        row = by_key[samples.key(number)]
        assert row["image"].size == ((20, 10 + number - 12) if 12 <= number < 16 else (32, 32))
        assert (row["label"] or "") == samples.true_class[number] == (row["true_class"] or "")
        assert row["predicted_class"] == CLASSES[samples.predicted[number]]
        assert row["threshold"] == pytest.approx(samples.threshold("heat"), rel=1e-5)
        assert row["score"] == pytest.approx(samples.scores("heat")[number], rel=1e-5)
        at_least = 1 + int((samples.scores("heat")[:12] >= samples.scores("heat")[number]).sum())
        assert row["p"] == pytest.approx(at_least / 13, rel=1e-5)
    assert by_key["=far/red/=2.png"]["tags"] == "'=odd"


def test_coco_in_pycocotools(samples, tmp_path):
    export(samples, "coco", tmp_path)
    coco = CocoDetection(str(tmp_path / "images"), str(tmp_path / "annotations.json"))
    sizes = [image.size for image, _ in coco]
    assert sizes == [(20, 10), (32, 32), (20, 11), (32, 32), (20, 12), (32, 32)]
    names = {number: category["name"] for number, category in coco.coco.cats.items()}
    truth = [[names[found["category_id"]] for found in annotations] for _, annotations in coco]
    assert truth == [["red"], ["cat"], ["red"], ["dog"], ["blue"], []]
    results = coco.coco.loadRes(str(tmp_path / "predictions.json"))
    for number, (image, found) in zip(NUMBERS, results.imgToAnns.items(), strict=False):
        assert coco.coco.imgs[image]["key"] == samples.key(number)
        (prediction,) = found
        assert names[prediction["category_id"]] == CLASSES[samples.predicted[number]]
        assert prediction["score"] == pytest.approx(samples.confidence[number])


def test_yolo_folders_in_torchvision(samples, tmp_path):
    export(samples, "yolo", tmp_path)
    train, test = ImageFolder(str(tmp_path / "train")), ImageFolder(str(tmp_path / "test"))
    assert (train.classes, test.classes) == (["blue", "red", "unlabelled"], ["cat", "dog"])
    assert [(Path(path).name, train.classes[i]) for path, i in train.samples] == [
        ("test-1~2.png", "blue"),
        ("2.png", "red"),
        ("test-1.jpg", "red"),
        ("000~2.png", "unlabelled"),
    ]
    rows = list(csv.DictReader((tmp_path / "samples.csv").open(encoding="utf-8")))
    assert [row["file_name"] for row in rows] == [
        "train/red/test-1.jpg",
        "test/cat/000.png",
        "train/red/2.png",
        "test/dog/001.png",
        "train/blue/test-1~2.png",
        "train/unlabelled/000~2.png",
    ]


def test_label_studio_tasks(samples, tmp_path):
    export(samples, "label-studio", tmp_path)
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    scores = [task["data"]["score"] for task in tasks]
    assert scores == sorted(scores, reverse=True)
    interface = ElementTree.fromstring((tmp_path / "interface.xml").read_text())
    (choices,), (image,) = interface.findall("Choices"), interface.findall("Image")
    offered = [choice.get("value") for choice in choices]
    assert offered == [*CLASSES, "red", "blue", "remove", "ignore"]
    for task in tasks:
        folder, _, path = task["data"]["image"].partition("?d=")
        assert (folder, (tmp_path / unquote(path)).is_file()) == ("/data/local-files/", True)
        number = samples.find(task["data"]["key"])
        (prediction,) = task["predictions"]
        assert prediction["score"] == pytest.approx(samples.confidence[number])
        (result,) = prediction["result"]
        assert (result["from_name"], result["to_name"]) == (choices.get("name"), image.get("name"))
        assert result["value"]["choices"] == [CLASSES[samples.predicted[number]]]


def test_cvat_annotations(samples, tmp_path):
    export(samples, "cvat", tmp_path)
    root = ElementTree.parse(tmp_path / "annotations.xml").getroot()
    assert root.findtext("version") == "1.1"
    labels = [label.findtext("name") for label in root.iter("label")]
    assert [label["name"] for label in json.loads((tmp_path / "labels.json").read_text())] == labels
    images = root.findall("image")
    assert [image.get("name") for image in images] == FILES
    assert [(image.get("id"), image.get("width"), image.get("height")) for image in images[:3]] == [
        ("0", "20", "10"),
        ("1", "32", "32"),
        ("2", "20", "11"),
    ]
    for number, image in zip(NUMBERS, images, strict=False):
        (tag,) = image.findall("tag")
        assert tag.get("label") == (samples.true_class[number] or CLASSES[samples.predicted[number]])
        assert tag.get("source") == ("auto" if number == 16 else "manual")
        assert tag.get("label") in labels
        attributes = {attribute.get("name"): attribute.text for attribute in tag}
        assert attributes["key"] == samples.key(number)
        assert float(attributes["score"]) == pytest.approx(samples.scores("heat")[number], rel=1e-5)


def test_the_fiftyone_script_makes_a_dataset(samples, tmp_path, monkeypatch):
    """The script gives FiftyOne every image with its fields, and overwrites no dataset."""
    export(samples, "fiftyone", tmp_path)
    made = []

    class Recorded(dict):
        def __init__(self, *args, **fields):
            super().__init__(fields)
            self.name = args[0] if args else ""

        def add_samples(self, found):
            made.extend(found)

    stand_in = SimpleNamespace(
        Sample=Recorded, Classification=Recorded, Dataset=Recorded, list_datasets=lambda: ["old"]
    )
    monkeypatch.setitem(sys.modules, "fiftyone", stand_in)
    script = tmp_path / "make_dataset.py"
    namespace = {"__file__": str(script), "__name__": "script"}
    exec(compile(ast.parse(script.read_text()), script, "exec"), namespace)
    namespace["make_dataset"]("new")
    assert [Path(sample["filepath"]).name for sample in made] == FILES
    for number, sample in zip(NUMBERS, made, strict=False):
        assert Path(sample["filepath"]).read_bytes() == source(tmp_path, number)
        assert sample["heat_key"] == samples.key(number)
        assert sample["heat_set"] == samples.locate(number)[0]
        assert sample.get("ground_truth", {"label": ""})["label"] == samples.true_class[number]
        assert sample["prediction"]["label"] == CLASSES[samples.predicted[number]]
        assert sample["heat_unknown"] == samples.flagged("heat")[number]
    with pytest.raises(SystemExit, match="There is a dataset old already"):
        namespace["make_dataset"]("old")


def test_csv_and_parquet_hold_the_same_table(samples):
    """Both tables have p and threshold under the lens; Parquet keeps texts as they are."""
    lens, written = Lens(beta=-1.0), {kind: io.BytesIO() for kind in ("csv", "parquet")}
    for kind, out in written.items():
        assert write_export(samples, NUMBERS, kind, out, lens) == []
    table = pyarrow.parquet.read_table(written["parquet"]).to_pylist()
    rows = list(csv.DictReader(io.StringIO(written["csv"].getvalue().decode())))
    assert [row["id"] for row in table] == [samples.ids[number] for number in NUMBERS]
    assert [row["set"] for row in rows[:2]] == ["'=far", "id"]
    assert [row["set"] for row in table[:2]] == ["=far", "id"]
    for number, row, cells in zip(NUMBERS, table, rows, strict=True):
        assert list(row) == list(cells)
        assert row["threshold"] == samples.threshold("heat", lens)
        assert row["score_heat"] == samples.scores("heat", lens)[number]
        assert float(cells["p"]) == pytest.approx(row["p"], rel=1e-5)
        assert row["p"] == samples.calibration(lens).p_values(samples.scores("heat", lens)[number])
        assert bool(int(cells["ood_heat"])) == row["ood_heat"]


def test_what_cannot_be_exported_is_said(samples, tmp_path):
    with pytest.raises(HeatError, match="no format 'xml': choose among csv, parquet, zip, imagefolder"):
        write_export(samples, [0], "xml", io.BytesIO())
    features = Samples(synthetic_run(tmp_path / "features"))
    assert list(formats_of(features)) == ["csv", "parquet"]
    with pytest.raises(HeatError, match="has no pictures or no confidences: choose csv or parquet"):
        write_export(features, np.array([0]), "coco", io.BytesIO())
    assert [file_name_of(kind, "a") for kind in ("csv", "zip", "yolo")] == [
        "a-samples.csv",
        "a-samples.zip",
        "a-yolo.zip",
    ]
