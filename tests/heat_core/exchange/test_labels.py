"""Labels that come back: from every format that is read, matched to the samples, as decisions."""

import csv
import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from heat_core import HeatError, Run
from heat_core.__main__ import main
from heat_core.analysis.samples import Samples
from heat_core.decisions.store import read_decisions
from heat_core.exchange.export import write_export
from heat_core.exchange.labels import decisions_of, read_labels, record_labels

NUMBERS = [12, 13, 14, 16, 17, 0, 4]


def unpack(samples, kind: str, folder: Path) -> Path:
    out = io.BytesIO()
    write_export(samples, NUMBERS, kind, out)
    with zipfile.ZipFile(out) as archive:
        archive.extractall(folder)
    return folder


def annotation(*values: tuple[str, dict], cancelled: bool = False) -> dict:
    """An annotation as Label Studio exports it."""
    kinds = {"label": "choices", "new_class": "textarea"}
    result = [
        {"id": "r", "from_name": name, "to_name": "image", "type": kinds[name], "value": value}
        for name, value in values
    ]
    return {"id": 1, "completed_by": 1, "was_cancelled": cancelled, "result": result}


def chosen(name: str) -> tuple[str, dict]:
    return "label", {"choices": [name]}


def written(name: str) -> tuple[str, dict]:
    return "new_class", {"text": [name]}


def test_label_studio_json_becomes_decisions(samples, tmp_path):
    """Annotations are labels, predictions and cancelled ones are not, and annotators may disagree."""
    tasks = json.loads((unpack(samples, "label-studio", tmp_path) / "tasks.json").read_text())
    given = {
        12: [annotation(chosen("Cat"))],
        13: [annotation(chosen("cat"), written("beetle"))],
        14: [annotation(chosen("remove"))],
        16: [annotation(chosen("dog")), annotation(chosen("owl"))],
        17: [annotation(chosen("dog"), cancelled=True), annotation(chosen("ignore"))],
        0: [annotation(chosen("cat"))],
        4: [],
    }
    for task in tasks:
        task["annotations"] = given[samples.find(task["data"]["key"])]
    tasks.append({"data": {"image": "other.png"}, "annotations": [annotation(chosen("cat"))]})
    file = tmp_path / "project.json"
    file.write_text(json.dumps(tasks))
    labels = read_labels(samples, file)
    assert labels.of_samples == {12: "Cat", 13: "beetle", 14: "remove", 17: "ignore"}
    assert (labels.unlabelled, labels.unchanged) == (1, 1)
    assert (labels.unknown, labels.ambiguous) == (["other.png"], ["near/000.png"])
    assert labels.sentences() == [
        "Without a label of a person: 1.",
        "Known images with their own class, which stay as they are: 1.",
        "No image of this run, and left out: 1 (other.png).",
        "Several labels or several images of that name, and left out: 1 (near/000.png).",
    ]
    decisions = {pair: numbers.tolist() for pair, numbers in decisions_of(samples, labels).items()}
    assert decisions == {
        ("add-to-class", "cat"): [12],
        ("new-class", "beetle"): [13],
        ("remove", ""): [14],
        ("ignore", ""): [17],
    }


def test_label_studio_json_min(samples, tmp_path):
    """JSON-MIN gives the choice as a text, as a list or as an object."""
    keys = [samples.key(number) for number in (12, 13, 16, 14)]
    values = ["owl", {"choices": ["dog"]}, None]
    tasks = [{"image": "x", "key": key, "label": value} for key, value in zip(keys, values, strict=False)]
    tasks.append({"image": "x", "key": keys[3], "new_class": ["moth"]})
    (tmp_path / "min.json").write_text(json.dumps(tasks))
    labels = read_labels(samples, tmp_path / "min.json")
    assert (labels.of_samples, labels.unlabelled) == ({12: "owl", 13: "dog", 14: "moth"}, 1)


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_imagefolder_labels(samples, tmp_path, packed):
    """What the export wrote is no label; what a person changed in metadata.csv is."""
    folder = unpack(samples, "imagefolder", tmp_path / "out")
    table = folder / "train" / "metadata.csv"
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert read_labels(samples, folder).unlabelled == len(NUMBERS)
    rows[0]["label"], rows[3]["label"] = "beetle", "owl"
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    place = Path(shutil.make_archive(str(tmp_path / "back"), "zip", folder)) if packed else folder
    labels = read_labels(samples, place)
    assert (labels.of_samples, labels.unlabelled) == ({12: "beetle", 16: "owl"}, len(NUMBERS) - 2)
    assert read_labels(samples, table).of_samples == labels.of_samples


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_images_that_were_moved_between_folders(samples, tmp_path, packed):
    """The folder into which an image was moved is its label, also without the table of the export."""
    folder = unpack(samples, "yolo", tmp_path / "out")
    assert read_labels(samples, folder).unlabelled == len(NUMBERS)
    for name, label in (("000.png", "dog"), ("001.png", "night moth")):
        (folder / "train" / label).mkdir()
        shutil.move(folder / "train" / "unlabelled" / name, folder / "train" / label / name)
    place = Path(shutil.make_archive(str(tmp_path / "back"), "zip", folder)) if packed else folder
    assert read_labels(samples, place).of_samples == {16: "dog", 17: "night moth"}
    if packed:
        return
    (folder / "samples.csv").unlink()
    (folder / "train" / "dog" / "new.png").write_bytes(b"no image of the run")
    labels = read_labels(samples, folder)
    assert labels.of_samples == {12: "red", 13: "red", 14: "blue", 16: "dog", 17: "night moth"}
    assert (labels.unchanged, labels.unknown) == (2, ["new.png"])


def test_a_table_with_names_of_files(samples, tmp_path):
    """Without keys the name of a file is enough where one sample alone has it; new classes stay apart."""
    rows = ["path;label", r"C:\x\test 1.jpg;owl", "a/000.png;dog", "=2.png;", "absent.png;cat"]
    (tmp_path / "mine.csv").write_text("\n".join(rows))
    labels = read_labels(samples, tmp_path / "mine.csv")
    assert labels.of_samples == {12: "owl"}
    assert (labels.unlabelled, labels.unknown, labels.ambiguous) == (1, ["absent.png"], ["000.png"])


def test_a_table_with_some_columns_of_an_export(samples, tmp_path):
    """The apostrophe that keeps spreadsheets from reading a formula is no part of a key or a label."""
    rows = ["key,label,true_class", "'=far/red/=2.png,'-20C,", "near/000.png,'-20C,'-20C", "near/001.png,'t Hooft,"]
    (tmp_path / "mine.tsv").write_text("\n".join(rows).replace(",", "\t"))
    labels = read_labels(samples, tmp_path / "mine.tsv")
    assert labels.of_samples == {13: "-20C", 17: "'t Hooft"}
    assert labels.unlabelled == 1


def test_images_are_found_in_another_run_by_digest(samples, tmp_path):
    """A run whose set has another name finds the images of an export by their content."""
    tasks = json.loads((unpack(samples, "label-studio", tmp_path) / "tasks.json").read_text())
    for task in tasks:
        task["data"]["key"] = f"elsewhere/{task['data']['key']}"
        task["annotations"] = [annotation(chosen("beetle"))]
    (tmp_path / "back.json").write_text(json.dumps(tasks))
    assert set(read_labels(samples, tmp_path / "back.json").of_samples) == set(NUMBERS)


def test_labels_of_other_files_of_the_same_name(samples, tmp_path):
    """A file that was replaced is not the one that was labelled, and a person's own file is not an exported one."""
    folder = unpack(samples, "label-studio", tmp_path / "out")
    tasks = json.loads((folder / "tasks.json").read_text())
    for task in tasks:
        task["annotations"] = [annotation(chosen("beetle"))]
    (folder / "tasks.json").write_text(json.dumps(tasks))
    place = samples.path_of(17)
    kept = place.read_bytes()
    place.write_bytes(kept[:-1] + b"x")
    labels = read_labels(samples, folder / "tasks.json")
    assert (set(labels.of_samples), labels.unknown) == (set(NUMBERS) - {17}, ["near/001.png"])
    place.write_bytes(kept)
    unpack(samples, "yolo", tmp_path / "both" / "first")
    classes = tmp_path / "both" / "first" / "train"
    (classes / "moth").mkdir()
    shutil.move(classes / "unlabelled" / "001.png", classes / "moth" / "001.png")
    (classes / "unlabelled" / "001.png").write_bytes(b"a person's own image")
    (classes / "owl").mkdir()
    (classes / "owl" / "000.png").write_bytes(b"another one")
    shutil.copytree(tmp_path / "both" / "first", tmp_path / "both" / "second")  # a second export, of other images
    table = tmp_path / "both" / "second" / "samples.csv"
    digests = [row["digest"] for row in csv.DictReader(io.StringIO(table.read_text()))]
    text = table.read_text()
    for digest in digests:
        text = text.replace(digest, digest[::-1])
    table.write_text(text)
    labels = read_labels(samples, tmp_path / "both")
    assert labels.of_samples == {17: "moth"}
    assert labels.unknown == ["000.png"] * 2


def test_recorded_labels_hold_once(samples, tmp_path, capsys):
    """`heat labels` stores decisions with the run, once; a label that is too long stores nothing."""
    rows = ["set,id,label", "=far,red/test 1.jpg,beetle", "near,000.png,beetle", "near,001.png,cat"]
    (tmp_path / "mine.csv").write_text("\n".join(rows))
    words = ["labels", "flowers", str(tmp_path / "mine.csv")]
    assert main([*words, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "decision             images",
        "Add as class beetle       2",
        "Add to class cat          1",
    ]
    assert read_decisions(samples.run.folder) == []
    assert main(words) == 0
    made = [(d.action, d.name, d.samples) for d in read_decisions(samples.run.folder)]
    assert made == [
        ("new-class", "beetle", ("=far/red/test 1.jpg", "near/000.png")),
        ("add-to-class", "cat", ("near/001.png",)),
    ]
    capsys.readouterr()
    assert main(words) == 0
    assert capsys.readouterr().err.splitlines() == ["Decided in the same way before, and left as they are: 3."]
    assert len(read_decisions(samples.run.folder)) == 2
    labels = read_labels(samples, tmp_path / "mine.csv")
    labels.of_samples = {12: "owl", 13: "x" * 101}
    with pytest.raises(HeatError, match="at most 100 characters"):
        record_labels(samples, labels)
    assert len(read_decisions(samples.run.folder)) == 2


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.json", "{}", "is no export of Label Studio, which is a list of tasks"),
        ("a.json", '[{"data": {"image": "x"}}]', "is no export of Label Studio: task 1 has no labels"),
        ("a.json", '[{"data": {}, "annotations": [{"result": [{"value": 5}]}]}]', "task 1 has no labels"),
        ("a.json", '[{"text": "x"}]', "task 1 has no labels"),
        ("a.json", "[", "is not valid JSON at line 1"),
        ("a.csv", "path,class\nx,y\n", "has no column `label`"),
        ("a.txt", "x", "is no file of labels: give JSON"),
        ("a.zip", "x", "cannot be read"),
    ],
)
def test_what_is_no_file_of_labels_is_refused(samples, tmp_path, name, content, sentence):
    (tmp_path / name).write_text(content)
    with pytest.raises(HeatError, match=sentence.replace("`", ".")):
        read_labels(samples, tmp_path / name)


def test_labels_of_pictures_that_are_no_files(demo_run, tmp_path):
    """The demo's pictures are made for the export, and are found by the table of the export."""
    samples, folder = Samples(Run.open(demo_run.folder)), tmp_path / "out"
    number = int(np.flatnonzero(samples.is_ood)[0])
    out = io.BytesIO()
    write_export(samples, [number], "yolo", out)
    zipfile.ZipFile(out).extractall(folder)
    (image,) = folder.rglob("*.png")
    (folder / "train" / "sign").mkdir()
    shutil.move(image, folder / "train" / "sign" / image.name)
    assert read_labels(samples, folder).of_samples == {number: "sign"}
