"""Mistakes in how sets are laid out are refused or said."""

import numpy as np
import pytest
from PIL import Image

from heat_core import Experiment, HeatError, Run, run
from heat_core.__main__ import main
from heat_core.backbones.registry import load_backbone
from heat_core.pipeline import sources
from heat_core.pipeline.sources import open_source

TINY = {"width": 8, "updates": 1, "epochs": 1, "langevin_steps": 1}


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("heat-demo-resnet")


@pytest.fixture(autouse=True)
def loaded(backbone, monkeypatch):
    """The network is loaded once for all tests."""
    monkeypatch.setattr(sources, "load_backbone", lambda *_: backbone)


@pytest.fixture
def sets(tmp_path, image_folder):
    """train/, test/ and ood/ as they should be."""
    image_folder(tmp_path / "train", {"blue": 6, "red": 6})
    image_folder(tmp_path / "test", {"blue": 3, "red": 3})
    image_folder(tmp_path / "ood", {"": 4})
    return tmp_path


def asked(id, ood, id_test=None, **more) -> Experiment:
    return Experiment(
        id=str(id),
        ood={name: str(source) for name, source in ood.items()},
        id_test=None if id_test is None else str(id_test),
        **{"backbone": "heat-demo-resnet", "preset": "quick", "detectors": [], "priors": ["el"], "settings": TINY}
        | more,
        map=False,
    )


def said(*words, **more) -> list[str]:
    """What is remarked on the sets of an experiment."""
    heard = []
    source = open_source(asked(*words, **more), lambda stage, message="", **_: heard.append(message))
    assert set(source.notes) <= set(heard)
    return list(source.notes)


def test_sets_without_problems_give_no_note(sets):
    assert said(sets / "train", {"green": sets / "ood"}, sets / "test") == []
    assert said(sets / "train", {"green": sets / "ood"}) == []
    assert said("demo-digits", {"far": "demo-photo-patches", "near": "demo-unseen-digits"}, "demo-digits") == []


@pytest.mark.parametrize(
    ("names", "first"),
    [
        (["test", "train"], "train"),
        (["test", "train", "val"], "train"),
        (["Train", "VALIDATION"], "Train"),
        (["testing", "training"], "training"),
        (["dev", "holdout"], "dev"),
        (["seg_test", "seg_train"], "seg_train"),
        (["test_set", "Training Set"], "Training Set"),
        (["testA", "testB", "trainA", "trainB"], "trainA"),
        (["train2017", "val2017"], "train2017"),
    ],
    ids=" ".join,
)
def test_splits_as_classes_are_refused(tmp_path, image_folder, names, first):
    root = image_folder(tmp_path / "root", {f"{name}/{c}": 2 for name in names for c in ("blue", "red")})
    ood = image_folder(tmp_path / "ood", {"": 2})
    with pytest.raises(HeatError, match="look like the splits of a data set, not its classes") as told:
        said(root, {"green": ood})
    assert f"({', '.join(names)})" in str(told.value)
    assert f"give {root / first} for training" in str(told.value)


@pytest.mark.parametrize("names", [["test", "train"], ["seg_test", "seg_train"]], ids=" ".join)
def test_splits_are_refused_whatever_lies_beside_them(tmp_path, image_folder, names):
    root = image_folder(tmp_path / "root", {f"{name}/{c}": 2 for name in names for c in ("blue", "red")} | {"seg": 2})
    with pytest.raises(HeatError, match=rf"\({', '.join(names)}\) look like the splits .* give .*train for training"):
        said(root, {"green": image_folder(tmp_path / "ood", {"": 2})})


@pytest.mark.parametrize("names", [["car", "test tube", "train"], ["dev", "sea"], ["train station", "train"]])
def test_classes_with_such_words_in_their_names_are_classes(tmp_path, image_folder, names):
    notes = said(
        image_folder(tmp_path / "root", dict.fromkeys(names, 5)), {"x": image_folder(tmp_path / "ood", {"": 2})}
    )
    assert all("is it a class?" in note for note in notes)


def test_classes_that_all_hold_the_same_folders_are_asked_about(tmp_path, image_folder):
    root = image_folder(tmp_path / "root", {f"{fold}/{c}": 5 for fold in ("1", "2") for c in ("blue", "red")})
    (note,) = said(root, {"green": image_folder(tmp_path / "ood", {"": 2})})
    assert note == "Every class of the training set holds the same folders ('blue', 'red'): are they its classes?"


def test_classes_that_differ_in_case_or_spaces_are_asked_about(tmp_path, image_folder):
    root = image_folder(tmp_path / "root", {"Dark  red": 5, "dark red": 6, "blue": 5})
    (note,) = said(root, {"green": image_folder(tmp_path / "ood", {"": 2})})
    assert note.startswith("The classes 'Dark  red', 'dark red' of the training set differ in case or spaces only")


def test_accents_in_two_encodings_are_one_class(sets, image_folder):
    """Accents that two systems write in two ways are one class."""
    image_folder(sets / "train", {"caf\u00e9": 6})
    image_folder(sets / "test", {"cafe\u0301": 3})
    if not (sets / "test" / "cafe\u0301").exists() or (sets / "test" / "caf\u00e9").exists():
        pytest.skip("this file system writes accents in one way")
    assert said(sets / "train", {"green": sets / "ood"}, sets / "test") == []


def test_one_class_that_is_named_like_a_split_is_asked_about(tmp_path, image_folder):
    root = image_folder(tmp_path / "root", {"bus": 5, "train": 5})
    (note,) = said(root, {"green": image_folder(tmp_path / "ood", {"": 2})})
    assert note == "The class 'train' of the training set is named like a split of a data set: is it a class?"


@pytest.mark.parametrize(("count", "small"), [(4, True), (5, False)])
def test_a_class_too_small_to_hold_one_out_is_named(sets, image_folder, count, small):
    image_folder(sets / "train", {"teal": count})
    notes = said(sets / "train", {"green": sets / "ood"})
    assert notes == (
        [
            "No image of 'teal' is in the ID test set: a class with fewer than 5 images has none to hold out when the "
            "set is split."
        ]
        if small
        else []
    )


def test_many_small_classes_are_shortened(sets, image_folder):
    for i in range(7):
        (sets / "train" / f"c{i}").mkdir()
        for side in (8, 9):
            Image.new("RGB", (side, side), (i, side, 0)).save(sets / "train" / f"c{i}" / f"{side}.png")
    (note,) = said(sets / "train", {"green": sets / "ood"})
    assert note.startswith("No image of 'c0', 'c1', 'c2', 'c3', 'c4' and 2 more is in the ID test set")


LEARNED = (
    "All images of the ID test set are images of the training set too: every figure is of images that were learned; "
    "without --id-test a fifth is split off."
)


def typed(sets, monkeypatch, how: str) -> str:
    """The training folder again, in other words."""
    monkeypatch.chdir(sets)
    (sets / "link").symlink_to(sets / "train")
    (sets / "by links").mkdir()
    for name in ("blue", "red"):
        (sets / "by links" / name).symlink_to(sets / "train" / name)
    words = {"absolute": sets / "train", "with dots": sets / "ood" / ".." / "train", "with a slash": f"{sets}/train/"}
    return str(words.get(how, {"relative": "train", "dotted": "./train"}.get(how, how)))


@pytest.mark.parametrize("how", ["absolute", "relative", "dotted", "with dots", "with a slash", "link", "by links"])
def test_a_test_set_that_is_the_training_set_is_said(sets, monkeypatch, how):
    test = typed(sets, monkeypatch, how)
    assert said(sets / "train", {"green": sets / "ood"}, test) == [LEARNED]


def test_a_test_set_that_shares_some_images_is_counted(sets):
    for i in range(2):
        (sets / "test" / "red" / f"again{i}.png").symlink_to(sets / "train" / "red" / f"00{i}.png")
    (note,) = said(sets / "train", {"green": sets / "ood"}, sets / "test")
    assert note.startswith("2 of the 8 images of the ID test set are images of the training set too: every figure")


def test_hard_links_are_the_same_images(sets):
    for i, path in enumerate(sorted((sets / "train" / "red").iterdir())[:2]):
        (sets / "test" / "red" / f"linked{i}{path.suffix}").hardlink_to(path)
    (note,) = said(sets / "train", {"green": sets / "ood"}, sets / "test")
    assert note.startswith("2 of the 8 images of the ID test set are images of the training set too")


def test_images_that_are_twice_in_the_training_set_are_counted(sets):
    path = next((sets / "train" / "red").iterdir())
    (sets / "train" / "blue" / f"linked{path.suffix}").symlink_to(path)
    assert said(sets / "train", {"green": sets / "ood"}, sets / "test") == [
        "1 of the training set's images are links to others of it."
    ]


def test_an_ood_set_that_is_an_id_set_is_said(sets):
    told = "All images of 'unknown' are images of {} too: they cannot be told apart."
    assert said(sets / "train", {"unknown": sets / "test"}, sets / "test") == [told.format("the ID test set")]
    assert said(sets / "train", {"unknown": sets / "train"}, sets / "test") == [told.format("the training set")]
    assert said(sets / "train", {"unknown": sets / "train"}) == [
        "10 of the 12 images of 'unknown' are images of the training set too: they cannot be told apart.",
        "2 of the 12 images of 'unknown' are images of the ID test set too: they cannot be told apart.",
    ]


def test_two_ood_sets_that_are_one_are_said(sets):
    (note,) = said(sets / "train", {"a": sets / "ood", "b": sets / "ood"}, sets / "test")
    assert note == "All images of 'b' are images of 'a' too: they cannot be told apart."


def test_the_limits_of_the_sets_are_those_that_share_images(sets):
    (note,) = said(sets / "train", {"unknown": sets / "test"}, sets / "test", limit_ood=1)
    assert note == "All images of 'unknown' are images of the ID test set too: they cannot be told apart."


def test_classes_that_only_one_of_the_sets_has_are_named(sets, image_folder):
    image_folder(sets / "train", {"teal": 6})
    assert said(sets / "train", {"green": sets / "ood"}, sets / "test") == ["The ID test set has no image of 'teal'."]
    image_folder(sets / "test", {"gold": 2, "jade": 2})
    (note,) = said(sets / "train", {"green": sets / "ood"}, sets / "test")
    assert note == (
        "The ID test set has classes that the training set lacks ('gold', 'jade'): its accuracy is not known, and they "
        "are not in-distribution."
    )


def test_an_image_beside_the_classes_of_the_test_set_is_said(sets, image_folder):
    image_folder(sets / "test", {"": 1})
    assert said(sets / "train", {"green": sets / "ood"}, sets / "test")


def test_what_was_left_aside_is_said_of_its_set(sets):
    (sets / "ood" / "a.dcm").write_bytes(b"\0" * 200)
    assert said(sets / "train", {"green": sets / "ood"}, sets / "test") == [
        "green: 1 file is left out (1 .dcm): convert them to PNG."
    ]


def test_a_note_stays_with_the_run_and_is_shown(sets, capsys):
    done = run(asked(sets / "train", {"green": sets / "ood"}, sets / "train"))
    assert done.record.notes == (LEARNED,)
    assert done.accuracy is not None
    assert Run.open(done.folder).record.notes == (LEARNED,)
    capsys.readouterr()
    assert main(["show", done.id]) == 0
    assert LEARNED in capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("mistake", ["test", "ood"])
def test_the_same_mistakes_with_folders_of_features_are_said(tmp_path, mistake):
    rng, y = np.random.default_rng(0), np.arange(30) % 3
    for name in ("train", "test", "ood"):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "avg.npy", rng.normal(size=(30, 4)).astype(np.float32))
        np.save(tmp_path / name / "labels.npy", y)
    words = {"id_test": tmp_path / "test", "ood": {"o": tmp_path / "ood"}}
    words |= {"id_test": tmp_path / "train"} if mistake == "test" else {"ood": {"o": tmp_path / "test"}}
    assert said(tmp_path / "train", backbone="features", **words)


# ---- how a path is typed ---------------------------------------------------------------------------------------------
