"""Looking at the sets before a run starts: what is refused, asked about or not opened; and sets by any path."""

import json

import numpy as np
import pytest

from heat_core import HeatError, Run, run
from heat_core.data import datasets
from heat_core.data.datasets import open_dataset
from heat_core.pipeline.experiment_sets import inspect_sets, open_sets
from heat_core.pipeline.sources import open_source
from heat_core.runs.experiment import TRAIN
from tests.heat_core.pipeline.test_validate_sets import asked


@pytest.fixture
def sets(tmp_path, image_folder):
    """train/, test/ and ood/ as they should be."""
    image_folder(tmp_path / "train", {"blue": 6, "red": 6})
    image_folder(tmp_path / "test", {"blue": 3, "red": 3})
    image_folder(tmp_path / "ood", {"": 4})
    return tmp_path


def test_what_goes_in_is_counted(sets):
    found = inspect_sets(asked(sets / "train", {"green": sets / "ood"}, sets / "test"))
    assert found.sizes == {"train": 12, "id": 6, "green": 4}
    assert found.classes == ("blue", "red")
    assert (found.warnings, found.notes, found.not_downloaded) == ((), (), ())
    assert inspect_sets(asked(sets / "train", {"green": sets / "ood"})).sizes == {"train": 10, "id": 2, "green": 4}
    limited = inspect_sets(asked(sets / "train", {"green": sets / "ood"}, sets / "test", limit=3, limit_ood=1))
    assert limited.sizes == {"train": 6, "id": 6, "green": 1}


def test_the_test_set_of_another_id_set_is_refused(sets, image_folder):
    other = image_folder(sets / "flowers", {"rose": 3, "tulip": 3})
    with pytest.raises(HeatError, match="has no class of the training set") as told:
        inspect_sets(asked(sets / "train", {"green": sets / "ood"}, other))
    assert "'rose', 'tulip' against 'blue', 'red'" in str(told.value)
    assert "every fifth training image is held out" in str(told.value)
    with pytest.raises(HeatError, match="has no class of the training set"):
        open_sets(asked("demo-digits", {"green": sets / "ood"}, other))


def test_a_flat_test_set_has_no_classes_to_compare(sets):
    assert inspect_sets(asked(sets / "train", {"green": sets / "ood"}, sets / "ood")).warnings


@pytest.mark.parametrize(
    ("inside", "sentence"),
    [
        ({"blue": 3}, r"needs at least two classes, or none: .* or give .*mistake/blue, a set without classes"),
        ({"blue": 3, "": 2}, r"needs at least two classes: .*000\.png lies beside the sub-folders"),
        ({"blue": 3, "red": 3, "": 2}, r"needs at least two classes: .*000\.png lies beside the sub-folders"),
        ({"train/blue": 2, "test/blue": 2}, "look like the splits"),
    ],
)
def test_an_id_folder_whose_classes_are_a_mistake_is_refused(sets, image_folder, inside, sentence):
    with pytest.raises(HeatError, match=sentence):
        inspect_sets(asked(image_folder(sets / "mistake", inside), {"green": sets / "ood"}))


@pytest.mark.parametrize(
    ("words", "doubt"),
    [
        ({"id_test": "train"}, "All images of the ID test set are images of the training set too"),
        ({"ood": {"green": "train"}, "id_test": "test"}, "All images of 'green' are images of the training set too"),
        ({"ood": {"green": "test"}, "id_test": "test"}, "All images of 'green' are images of the ID test set too"),
    ],
)
def test_sets_that_are_the_same_are_asked_about(sets, words, doubt):
    words = {k: {n: sets / s for n, s in v.items()} if k == "ood" else sets / v for k, v in words.items()}
    (said,) = inspect_sets(asked(sets / "train", **({"ood": {"green": sets / "ood"}} | words))).warnings
    assert said.startswith(doubt)


def test_the_same_set_by_its_name_is_asked_about():
    (said,) = inspect_sets(asked("demo-digits", {"digits": "demo-digits"}, "demo-digits")).warnings
    assert said == "All images of 'digits' are images of the ID test set too: they cannot be told apart."


def test_classes_that_differ_are_asked_about(sets, image_folder):
    image_folder(sets / "test", {"teal": 2})
    (said,) = inspect_sets(asked(sets / "train", {"green": sets / "ood"}, sets / "test")).warnings
    assert said.startswith("The ID test set has classes that the training set lacks ('teal')")


def test_nothing_is_downloaded_to_be_looked_at(sets, monkeypatch):
    monkeypatch.setattr(datasets, "open_torchvision", pytest.fail)
    found = inspect_sets(asked("cifar10", {"green": sets / "ood", "svhn": "svhn"}, "cifar10"))
    assert (found.sizes, found.not_downloaded) == ({"green": 4}, ("train", "id", "svhn"))
    found = inspect_sets(asked(sets / "train", {"svhn": "svhn"}))
    assert (found.sizes, found.not_downloaded) == ({"train": 10, "id": 2}, ("svhn",))


def test_the_function_that_opens_may_cache(sets):
    opened = []

    def remembered(source, role, of):
        opened.append((source.rpartition("/")[2], role))
        return open_dataset(source, role)

    inspect_sets(asked(sets / "train", {"green": sets / "ood"}, sets / "test"), remembered)
    assert opened == [("train", "train"), ("test", "test"), ("ood", "test")]


def test_folders_of_features_are_looked_at_too(tmp_path):
    for name in ("train", "ood"):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "avg.npy", np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32))
    words = {"id": tmp_path / "train", "ood": {"o": tmp_path / "train" / ".." / "train"}, "backbone": "features"}
    assert inspect_sets(asked(**words)).warnings[0].startswith("The training set has no classes: clusters")
    np.save(tmp_path / "train" / "labels.npy", np.arange(30) % 3)
    found = inspect_sets(asked(**words))
    assert found.sizes == {"train": 30, "o": 30}
    assert found.warnings == ("All samples of 'o' are samples of the training set too: they cannot be told apart.",)
    assert not inspect_sets(asked(**words | {"ood": {"o": tmp_path / "ood"}})).warnings


def test_features_are_found_again_however_the_path_is_typed(sets, monkeypatch, home):
    (sets / "link").symlink_to(sets)
    made = home / "features" / "heat-demo-resnet"

    def folders(id, ood) -> list[str]:
        source = open_source(asked(id, {"green": ood}))
        for name in (TRAIN, "green"):
            assert len(source.features(name)) in (4, 10)
        return sorted(path.name for path in made.iterdir())

    first = folders(sets / "train", sets / "ood")
    assert len(first) == 2
    monkeypatch.chdir(sets)
    assert folders("train", "ood") == first
    assert folders("./train/", "train/../ood") == first
    monkeypatch.chdir(sets / "link")
    assert folders("train", sets / "link" / "ood") == first
    monkeypatch.chdir(sets / "train")
    assert folders(".", "../ood") == first
    monkeypatch.setenv("HOME", str(sets))
    assert folders("~/train", "~/ood") == first


def test_a_run_keeps_whole_paths_and_resumes_from_anywhere(sets, monkeypatch, tmp_path_factory):
    monkeypatch.chdir(sets)
    done = run(asked("train", {"green": "ood"}, "test"))
    kept = json.loads((done.folder / "run.json").read_text())["experiment"]
    assert (kept["id"], kept["id_test"], kept["ood"]) == (
        str(sets / "train"),
        str(sets / "test"),
        {"green": str(sets / "ood")},
    )
    before = done.detector_scores("green", "heat")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    again = run(Run.open(done.folder).experiment, done.folder)
    np.testing.assert_array_equal(again.detector_scores("green", "heat"), before)
    assert again.image("green", str(again.ids("green")[0])).size == (32, 32)
