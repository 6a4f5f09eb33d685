"""Runs over manifests: crops, splits and sets of one file; what stands in it beside the samples, from start to end."""

import csv
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from heat_core import Experiment, HeatError, Run, run
from heat_core.analysis.new_images import NewImages
from heat_core.analysis.samples import Samples
from heat_core.analysis.subsets import write_image_folder
from heat_core.data.datasets import open_dataset
from heat_core.data.image_location import ImageLocation
from heat_core.pipeline.experiment_sets import inspect_sets
from heat_core.pipeline.positions import open_picture
from heat_core.pipeline.scoring import score
from heat_core.reporting.export import to_csv, to_zip
from heat_core.runs.scored_images import SCORED, ScoredImages
from tests.conftest import save_network

FRAMES, A_FRAME = 8, 6  # pictures of 96 by 64 pixels, and boxes of 32 in each


def lines(changed: str = "") -> list[str]:
    """The rows: known boxes for training and testing, and a set of others; `changed` begins every camera's name."""
    rows = ["path,box,label,split,set,Camera,time"]
    for frame in range(FRAMES):
        for n in range(A_FRAME):
            box = f"{32 * (n % 3)},{32 * (n // 3)},32,32"
            label, split, of = ("ab"[n % 2], "test" if frame % 2 else "train", "id") if n < 4 else ("", "", "other")
            time = f"2024-05-{frame + 1:02d}T10:00:00"
            rows.append(f'frames/{frame:03d}.png,"{box}",{label},{split},{of},{changed}cam {frame % 3},{time}')
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("listed")
    rng = np.random.default_rng(0)
    (place / "frames").mkdir()
    for frame in range(FRAMES):
        small = rng.integers(0, 255, (8, 12, 3), dtype=np.uint8)
        Image.fromarray(small).resize((96, 64), Image.Resampling.NEAREST).save(place / "frames" / f"{frame:03d}.png")
    (place / "list.csv").write_text("\n".join(lines()) + "\n")
    save_network(place, "resnet10t")
    return place


def asked(folder, **changes) -> Experiment:
    source = str(folder / "list.csv")
    more = {"id": source, "ood": {"other": source}, "priors": ["el"], "detectors": []}
    more |= {"preset": "paper", "settings": {"epochs": 1}}
    return Experiment(
        **more | changes, backbone="resnet10t", weights=str(folder / "resnet10t.safetensors"), image_size=32, map=False
    )


@pytest.fixture(scope="module")
def made(folder, tmp_path_factory) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(tmp_path_factory.mktemp("home")))
        return run(asked(folder))


@pytest.fixture(autouse=True)
def its_home(made, monkeypatch):
    monkeypatch.setenv("HEAT_HOME", str(made.folder.parents[1]))


def test_one_manifest_is_every_set_of_a_run(made):
    train = [f"frames/{f:03d}.png#xywh={32 * (n % 3)},{32 * (n // 3)},32,32" for f in range(0, 8, 2) for n in range(4)]
    assert made.training_ids.tolist() == train
    assert made.ids("id").tolist() == [
        sample.replace(f"{f:03d}", f"{f + 1:03d}") for f in range(0, 8, 2) for sample in train if f"{f:03d}" in sample
    ]
    assert len(made.ids("other")) == FRAMES * 2
    assert made.class_names == ["a", "b"]
    assert made.accuracy is not None
    assert not [note for note in made.record.notes if "list.csv" in note]


def test_its_further_columns_stay_with_the_samples(made):
    assert list(made.columns("id")) == ["label", "split", "time", "Camera"]
    frames = [int(sample[7:10]) for sample in made.ids("other").tolist()]
    assert made.columns("other")["Camera"].tolist() == [f"cam {frame % 3}" for frame in frames]
    samples = Samples(made)
    assert samples.columns["time"][-1] == "2024-05-08T10:00:00"
    assert set(samples.columns["label"].tolist()) == {"a", "b", ""}


def test_the_pictures_are_the_crops(made, folder):
    samples = Samples(made)
    for number in (0, 5, len(samples) - 1):
        sample = str(samples.ids[number])
        x, y, w, h = map(int, sample.partition("#xywh=")[2].split(","))
        whole = np.asarray(Image.open(folder / sample.partition("#")[0]))
        expected = whole[y : y + h, x : x + w]
        name = samples.locate(number)[0]
        for picture in (made.image(name, sample), samples.image(number), open_picture(made, f"{name}/{sample}")):
            np.testing.assert_array_equal(np.asarray(picture), expected)
        assert samples.location_of(number) == ImageLocation(folder / sample.partition("#")[0], (x, y, w, h))
        assert samples.path_of(number) is None
    assert made.image("train", str(made.training_ids[3])).size == (32, 32)
    np.testing.assert_array_equal(
        np.asarray(open_picture(made, f"{folder}/frames/000.png#xywh=1,2,3,4")),
        np.asarray(Image.open(folder / "frames/000.png"))[2:6, 1:4],
    )


def test_what_is_taken_along_is_the_crops_with_their_columns(made, folder):
    samples, numbers = Samples(made), [1, 20]  # a known one, and the fifth box of the third frame
    rows = list(csv.DictReader(io.StringIO(to_csv(samples, numbers))))
    assert [row["box"] for row in rows] == ["[32,0,32,32]", "[32,32,32,32]"]
    assert rows[0]["path"] == str(folder / "frames" / "001.png")
    assert [(row["Camera"], row["label"]) for row in rows] == [("cam 1", "b"), ("cam 2", "")]
    with zipfile.ZipFile(io.BytesIO(to_zip(samples, numbers)[0])) as archive:
        pictures = [Image.open(archive.open(name)).size for name in archive.namelist() if name.endswith(".png")]
    assert pictures == [(32, 32), (32, 32)]
    (folder / "taken.csv").write_text(to_csv(samples, numbers))
    again = open_dataset(str(folder / "taken.csv"), set_name="other")  # a list itself
    np.testing.assert_array_equal(np.asarray(again.open(0)), np.asarray(samples.image(20)))


def test_a_subset_as_a_folder_holds_the_crops(made):
    samples = Samples(made)
    found = open_dataset(str(write_image_folder(samples, np.array([20, 21]), "odd")))
    np.testing.assert_array_equal(np.asarray(found.open(1)), np.asarray(samples.image(21)))


def test_features_are_made_again_for_other_labels_alone(made, folder, monkeypatch, tmp_path):
    """Other columns make no feature again, and another label does."""
    kept = {path: path.stat().st_mtime_ns for path in made.folder.parents[1].glob("features/*/*/avg.npy")}
    assert len(kept) == 3

    def features() -> set:
        return set(made.folder.parents[1].glob("features/*/*/avg.npy"))

    before = (folder / "list.csv").read_text()
    try:
        (folder / "list.csv").write_text("\n".join(lines("new ")) + "\n")
        again = run(asked(folder))
        assert {path: path.stat().st_mtime_ns for path in features()} == kept
        assert set(again.columns("id")["Camera"].tolist()) == {"new cam 0", "new cam 1", "new cam 2"}
        assert set(made.columns("id")["Camera"].tolist()) == {"cam 0", "cam 1", "cam 2"}
        (folder / "list.csv").write_text(before.replace('"0,0,32,32",a,', '"0,0,32,32",b,'))
        other = run(asked(folder))
        assert len(features()) == 5  # of the training and of the test images
        assert int((other.labels("id") == 1).sum()) == 12
    finally:
        (folder / "list.csv").write_text(before)


def test_new_images_of_a_manifest_keep_its_columns(made, folder, tmp_path):
    said = []
    (folder / "new.csv").write_text(
        'path,site,box\nframes/001.png,north,"0,0,40,40"\ngone.png,east,"0,0,9,9"\nframes/001.png,,"500,0,9,9"\n'
        'frames/002.png,south,"-5,-5,40,40"\n,west,"1,2,3,4"\nframes/003.png,west,oops\n'
    )
    paths = [folder / "new.csv", folder / "frames" / "000.png"]
    found = score(made, paths, lambda stage, message="", **_: said.append(message))
    assert found.columns["site"].tolist() == ["north", "south", ""]
    assert [str(found.place(row)) for row in range(3)] == [
        f"{folder}/frames/001.png#xywh=0,0,40,40",
        f"{folder}/frames/002.png#xywh=-5,-5,40,40",
        f"{folder}/frames/000.png",
    ]
    assert found.skipped.tolist() == [f"{folder}/gone.png#xywh=0,0,9,9", f"{folder}/frames/001.png#xywh=500,0,9,9"]
    assert "2 rows are left out: new.csv, row 6: no path; new.csv, row 7: its box is not four numbers." in said
    found.save(tmp_path / SCORED)
    assert ScoredImages.load(tmp_path / SCORED).notes.tolist() == [note for note in said if "left out" in note]
    samples = NewImages(made, ScoredImages.load(tmp_path / SCORED))
    number = len(samples) - 2
    assert samples.image(number).size == (35, 35)
    assert samples.columns["site"][-3:].tolist() == ["north", "south", ""]
    assert samples.columns["Camera"][0] == "cam 1"
    assert samples.path_of(len(samples) - 1) == folder / "frames" / "000.png"
    assert samples.display_ids[number] == "002.png#xywh=-5,-5,40,40"


def test_what_is_said_before_a_run_starts(folder, tmp_path):
    found = inspect_sets(asked(folder))
    assert found.sizes == {"train": 16, "id": 16, "other": 16}
    assert (found.classes, found.warnings, found.notes) == (("a", "b"), (), ())
    broken = lines() + ["x,y", 'frames/000.png,"0,0,32,32",b,train,id,,'] + [",,,,,,"] * 30_000
    (folder / "broken.csv").write_text("\n".join(broken) + "\n")
    source = str(folder / "broken.csv")
    found = inspect_sets(asked(folder, id=source, ood={"other": source, "more": str(folder / "frames")}))
    assert len(found.notes) == 2  # of the file, however many sets are of it
    assert "1 of its rows name an image that another row names: the first is taken; 1 of" in found.notes[0]
    assert "30,001 of its rows are left out: broken.csv, row 50: 2 columns instead of 7: x,y; " in found.notes[1]
    assert found.notes[1].endswith("29,996 further rows.")
    with pytest.raises(HeatError, match=r"list\.csv has no set 'cars': its column `set` says id \(32\), other"):
        inspect_sets(asked(folder, ood={"cars": str(folder / "list.csv")}))


def test_crops_of_one_frame_in_two_sets_are_not_the_same_images(folder):
    known, others = "0,0,32,32", ("1,0,32,32", "32,32,32,32")
    (folder / "same.csv").write_text("path,box\n" + "".join(f'frames/000.png,"{b}"\n' for b in (known, *others)))
    doubts = inspect_sets(asked(folder, ood={"other": str(folder / "same.csv")})).warnings
    assert doubts == ("1 of the 3 images of 'other' are images of the training set too: they cannot be told apart.",)


def test_labels_that_are_splits_are_refused(folder):
    text = (folder / "list.csv").read_text().replace(",a,", ",train,").replace(",b,", ",test,")
    (folder / "splits.csv").write_text(text)
    with pytest.raises(HeatError, match=r"The labels of .*splits\.csv \(test, train\) are the splits of a data set"):
        inspect_sets(asked(folder, id=str(folder / "splits.csv")))


def test_an_experiment_keeps_the_whole_path_of_a_manifest(folder, monkeypatch):
    monkeypatch.chdir(folder)
    (folder / "cifar10.csv").write_text("path\n")
    short = Experiment(id="cifar10.csv", ood={"other": "list.csv"}, id_test="list.csv")
    assert short.with_absolute_paths().id == str(folder / "cifar10.csv")
    assert short.with_absolute_paths().ood == {"other": str(folder / "list.csv")}
    assert short.with_absolute_paths().id_test == str(folder / "list.csv")
    assert short.id_set == "cifar10"
