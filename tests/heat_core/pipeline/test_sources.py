"""Runs on features that were made elsewhere, and what a source refuses."""

import json
from pathlib import Path

import numpy as np
import pytest

from heat_core import Experiment, HeatError, run
from heat_core.backbones.registry import load_backbone
from heat_core.features.features import Features
from heat_core.features.store import load_features
from heat_core.pipeline.sources import FeatureFolderSource, read_given_head
from heat_core.progress import no_progress

SETTINGS = {"width": 16, "updates": 6, "epochs": 3, "langevin_steps": 2}


def write(folder, features: Features, std: bool = True, labels: bool = True, head=None):
    folder.mkdir()
    np.save(folder / "avg.npy", features.avg)
    if std:
        np.save(folder / "std.npy", features.std)
    if labels:
        np.save(folder / "labels.npy", features.labels)
    if head is not None:
        np.savez(folder / "head.npz", weight=head[0], bias=head[1])
    return str(folder)


@pytest.fixture
def folders(demo_run, tmp_path):
    """The demo's features as bare arrays: nothing but avg, std, labels and the head."""
    root = demo_run.folder.parents[1] / "features" / "heat-demo-resnet"
    of = {path.name.split("-")[1]: path for path in root.iterdir()}
    train, test = sorted(
        (p for p in root.iterdir() if p.name.startswith("demo-digits")), key=lambda p: -len(load_features(p))
    )
    patches = next(p for p in root.iterdir() if p.name.startswith("photo-patches"))
    assert of
    return {
        "id": write(tmp_path / "id", load_features(train), head=load_backbone("heat-demo-resnet").head),
        "id_test": write(tmp_path / "id-test", load_features(test)),
        "ood": {"photo patches": write(tmp_path / "patches", load_features(patches), labels=False)},
    }


def test_given_features_score_as_the_images_they_came_from(folders, demo_run):
    done = run(Experiment(**folders, backbone="features", preset="quick", settings=SETTINGS, map=False))
    for name in ("id", "photo patches"):
        for detector in ("gmm", "gmm-std", "el", "msp", "knn"):
            expected = demo_run.detector_scores(name, detector)
            np.testing.assert_allclose(done.detector_scores(name, detector), expected, rtol=1e-6)
    with pytest.raises(HeatError, match="no pictures"):
        done.image("id", str(done.ids("id")[0]))


def test_what_reads_images_says_why_it_is_left_out(folders, capsys):
    from heat_core.__main__ import main

    words = [
        "run",
        "--id",
        folders["id"],
        "--id-test",
        folders["id_test"],
        "--ood",
        f"patches={folders['ood']['photo patches']}",
        "--backbone",
        "features",
        "--preset",
        "quick",
        "--detectors",
        "odin",
        "gram",
        "mds",
        "vim",
        "--no-map",
        "--json",
        "--set",
        *(f"{k}={v}" for k, v in SETTINGS.items()),
    ]
    assert main(words) == 0
    metrics = json.loads(capsys.readouterr().out.splitlines()[-1])["metrics"]
    for name in ("odin", "gram", "mds"):
        assert metrics[name]["patches"] == dict.fromkeys(("fpr95", "auroc", "aupr_in", "aupr_out"))
    assert metrics["vim"]["patches"]["auroc"] > 0.5


def test_without_std_and_without_a_test_set(demo_run, tmp_path):
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    features = Features(rng.normal(size=(60, 8)).astype(np.float32) + 4 * np.eye(8)[y], None, y, [""] * 60)
    known = write(tmp_path / "known", features, std=False)
    unknown = write(tmp_path / "unknown", features, std=False, labels=False)
    done = run(Experiment(known, {"u": unknown}, backbone="features", preset="quick", settings=SETTINGS, map=False))
    assert done.priors == ["gmm", "el"]
    assert "no std.npy" in done.left_out["gmm-std"]
    assert len(done.scores("id")) == 12


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("labels", "at least two classes, or none"),
        ("nan", "NaN"),
        ("dim", "dimensions"),
        ("cut", "cut off"),
        ("images", "no avg.npy"),
        ("length", "differ in length"),
        ("head", "head.npz"),
    ],
)
def test_bad_features_give_a_sentence(folders, tmp_path, damage, sentence):
    from pathlib import Path

    known = Path(folders["id"])
    avg = np.load(known / "avg.npy")
    if damage == "labels":
        np.save(known / "labels.npy", np.zeros(len(avg), int))
    elif damage == "nan":
        avg[3, 0] = np.nan
        np.save(known / "avg.npy", avg)
    elif damage == "dim":
        np.save(Path(folders["id_test"]) / "avg.npy", np.load(Path(folders["id_test"]) / "avg.npy")[:, :5])
    elif damage == "cut":
        (known / "avg.npy").write_bytes((known / "avg.npy").read_bytes()[:2000])
    elif damage == "images":
        folders["ood"]["empty"] = str(tmp_path)
    elif damage == "length":
        np.save(known / "labels.npy", np.zeros(3, int))
    else:
        np.savez(known / "head.npz", weight=np.ones((6, 3)), bias=np.ones(6))
    with pytest.raises(HeatError, match=sentence):
        run(Experiment(**folders, backbone="features", map=False))


def test_a_folder_of_features_is_no_folder_of_images(folders):
    with pytest.raises(HeatError, match="use the backbone 'features'"):
        run(Experiment(**folders, backbone="heat-demo-resnet", map=False))


def test_labels_from_one_keep_their_classes(folders):
    plain = run(Experiment(**folders, backbone="features", preset="quick", settings=SETTINGS, map=False))
    for name in ("id", "id_test"):
        path = Path(folders[name]) / "labels.npy"
        np.save(path, np.load(path) + 1)
    shifted = run(Experiment(**folders, backbone="features", preset="quick", settings=SETTINGS, map=False))
    assert shifted.class_names == [str(c + 1) for c in range(len(plain.class_names))]
    assert shifted.accuracy == plain.accuracy


def test_a_head_keeps_the_rows_of_present_classes(folders):
    """A head of more classes keeps the rows of those that have samples."""
    id_set = Path(folders["id"])
    keep = np.load(id_set / "labels.npy") != 2
    for name in ("avg", "std", "labels"):
        np.save(id_set / f"{name}.npy", np.load(id_set / f"{name}.npy")[keep])
    done = run(Experiment(**folders, backbone="features", preset="quick", settings=SETTINGS, map=False))
    assert done.class_names == ["0", "1", "3", "4", "5"]
    given = np.load(id_set / "head.npz")["weight"]
    np.testing.assert_array_equal(done.head[0], given[[0, 1, 3, 4, 5]])


def test_a_set_without_std_leaves_gmm_std_out(folders):
    (Path(folders["ood"]["photo patches"]) / "std.npy").unlink()
    done = run(Experiment(**folders, backbone="features", preset="quick", settings=SETTINGS, map=False))
    assert done.priors == ["gmm", "el"]
    assert "gmm-std" in done.left_out


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("std.npy", np.zeros((724, 3), np.float32), "dimensions"),
        ("std.npy", np.zeros(724, np.float32), r"\(N, D\)"),
        ("avg.npy", np.full((724, 64), "x"), "numbers"),
        ("labels.npy", np.zeros((724, 1), int), "whole numbers"),
    ],
)
def test_misshapen_features_are_refused(folders, file, content, sentence):
    np.save(Path(folders["id_test"]) / file, content)
    with pytest.raises(HeatError, match=sentence):
        run(Experiment(**folders, backbone="features", preset="quick", settings=SETTINGS, map=False))


def test_a_resumed_run_refuses_other_features(folders):
    done = run(Experiment(**folders, backbone="features", preset="quick", settings=SETTINGS, map=False))
    path = Path(folders["id"]) / "avg.npy"
    np.save(path, np.load(path)[:, ::-1])
    with pytest.raises(HeatError, match="start a new run"):
        run(done.experiment, done.folder)


HEADS = {
    "a bias that is one number": {"weight": np.ones((3, 8)), "bias": np.float64(0)},
    "no bias": {"weight": np.ones((3, 8))},
    "turned": {"weight": np.ones((8, 3)), "bias": np.ones(3)},
    "texts": {"weight": np.ones((3, 8)).astype(str), "bias": np.ones(3)},
    "complex": {"weight": np.ones((3, 8)) + 1j, "bias": np.ones(3)},
    "objects": {"weight": np.ones((3, 8)).astype(object), "bias": np.ones(3)},
    "junk": b"PK junk",
}


@pytest.mark.parametrize("kind", HEADS)
def test_an_impossible_head_is_refused_without_deleting(tmp_path, kind):
    """A head that cannot be right is refused, and the sentence does not advise deleting it."""
    content, path = HEADS[kind], tmp_path / "head.npz"
    path.write_bytes(content) if isinstance(content, bytes) else np.savez(path, **content)
    with pytest.raises(HeatError, match=r"head\.npz .*: save the head again, or remove the file\.$") as told:
        read_given_head(tmp_path, 8)
    assert "delete" not in str(told.value)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["cat", "dog", "owl"], None),
        (["owl", "cat", "dog"], None),
        (["cat", "dog", "elk"], "classes that the training set lacks ('elk')"),
        (None, "classes that the training set lacks ('0', '1', '2')"),
    ],
    ids=["the same", "in another order", "others", "no names"],
)
def test_given_features_of_other_classes_are_said(tmp_path, names, said):
    y, sets = np.arange(30) % 3, {}
    for name, classes in (("train", ["cat", "dog", "owl"]), ("test", names), ("ood", None)):
        avg = np.random.default_rng(len(name)).normal(size=(30, 4)).astype(np.float32)
        sets[name] = write(tmp_path / name, Features(avg, None, y, [""] * 30), std=False, labels=name != "ood")
        if classes:
            (tmp_path / name / "meta.json").write_text(json.dumps({"class_names": classes}), encoding="utf-8")
    notes = FeatureFolderSource(Experiment(sets["train"], {"o": sets["ood"]}, sets["test"]), no_progress).notes
    assert [said in note for note in notes] == ([True] if said else [])
