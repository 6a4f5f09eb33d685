"""Runs with shifted sets of real images: scored like OOD sets, and counted as known where that is said."""

import json
import re
import shlex
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import ImageFilter
from sklearn.metrics import roc_auc_score

from heat_core import Experiment, HeatError, Run, run
from heat_core.__main__ import main
from heat_core.analysis.questions import questions_of
from heat_core.analysis.samples import Samples
from heat_core.data.datasets import open_dataset
from heat_core.pipeline.experiment_sets import inspect_sets
from heat_core.pipeline.measurements.measure import make_findings
from heat_core.runs.experiment import demo_experiment

SETTINGS = {"updates": 6, "epochs": 1, "langevin_steps": 2}


def write_blurred(folder, every: int = 5) -> None:
    """Write a part of the demo's ID test images, blurred, into a folder per class."""
    test = open_dataset("demo-digits", "test")
    for i in range(0, len(test), every):
        file = folder / test.class_names[test.labels[i]] / f"{i:04d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        test.open(i).filter(ImageFilter.GaussianBlur(1.5)).save(file)


def test_a_run_with_blurred_test_images(tmp_path, capsys):
    write_blurred(tmp_path / "blurred")
    base = replace(
        demo_experiment(), priors=["gmm", "el"], detectors=["msp", "knn"], settings=SETTINGS, limit=40, map=False
    )
    plain = run(replace(base, name="plain"))
    capsys.readouterr()
    command = replace(base, shifted={"blurred": str(tmp_path / "blurred")}).to_command()
    words = shlex.split(command)[3:]
    assert words[words.index("--shifted") + 1].startswith("blurred=")
    assert main([*words, "--json"]) == 0
    out = capsys.readouterr().out
    result = json.loads(out.strip().splitlines()[-1])
    shifted = Run.open(result["run"])

    assert shifted.datasets == [*plain.datasets, "blurred"]
    for name in plain.datasets:
        for detector in plain.detectors:
            expected = plain.detector_scores(name, detector)
            np.testing.assert_array_equal(shifted.detector_scores(name, detector), expected)
    assert shifted.metrics() == plain.metrics()
    assert (shifted.accuracy, shifted.suggested_beta) == (plain.accuracy, plain.suggested_beta)

    assert set(result) == {"run", "metrics", "full_spectrum", "shifted"}
    for detector, row in result["full_spectrum"].items():
        known, ood = (
            np.concatenate([shifted.detector_scores(name, detector).astype(np.float64) for name in names])
            for names in (("id", "blurred"), ("unseen digits",))
        )
        is_ood = np.r_[np.zeros(len(known)), np.ones(len(ood))]
        assert row["unseen digits"]["auroc"] == pytest.approx(roc_auc_score(is_ood, np.r_[known, ood]), abs=1e-12)
        assert row["unseen digits"]["fpr95"] == (ood <= np.quantile(known, 0.95)).mean()
    assert re.search("full-spectrum near +full-spectrum mid +full-spectrum far +full-spectrum average", out)

    found = result["shifted"]["blurred"]
    classes = [sample.split("/")[0] for sample in shifted.ids("blurred").tolist()]
    right = np.mean([shifted.class_names[p] == c for p, c in zip(shifted.predicted("blurred"), classes, strict=True)])
    assert found["images"] == len(classes) == len(open_dataset(str(tmp_path / "blurred")))
    assert found["accuracy"]["share"] == right
    assert found["flagged"]["share"] == (shifted.scores("blurred") > shifted.threshold()).mean()
    assert f"blurred (shifted known images): {len(classes)} images, accuracy {100 * right:.1f} % (" in out
    assert shifted.image("blurred", str(shifted.ids("blurred")[0])).size == (32, 32)


@pytest.fixture
def sets(tmp_path, image_folder):
    image_folder(tmp_path / "train", {"blue": 6, "red": 6})
    image_folder(tmp_path / "test", {"blue": 3, "red": 3})
    image_folder(tmp_path / "ood", {"": 4})
    image_folder(tmp_path / "pouring", {"blue": 5, "red": 4})
    return tmp_path


def asked(sets, **shifted) -> Experiment:
    return Experiment(
        id=str(sets / "train"),
        id_test=str(sets / "test"),
        ood={"green": str(sets / "ood")},
        backbone="heat-demo-resnet",
        shifted={name: str(source) for name, source in shifted.items()},
    )


def test_shifted_sets_have_classes_of_the_id_set(sets, image_folder):
    found = inspect_sets(replace(asked(sets, rainy=sets / "pouring"), limit_test=2, limit_ood=1))
    assert found.sizes == {"train": 12, "id": 4, "green": 1, "rainy": 4}
    assert found.warnings == ()
    image_folder(sets / "other", {"blue": 2, "pink": 2})
    with pytest.raises(HeatError, match=r"'other' has classes that the training set lacks \('pink'\)"):
        inspect_sets(asked(sets, other=sets / "other"))
    with pytest.raises(HeatError, match="'flat' has no classes: put its images into one sub-folder"):
        inspect_sets(asked(sets, flat=sets / "ood"))
    (sets / "half.txt").write_text("pouring/blue/000.png 0\npouring/red/000.png\n")
    with pytest.raises(HeatError, match=r"'half' has no classes: .*or give every image of the list a label"):
        inspect_sets(asked(sets, half=sets / "half.txt"))
    with pytest.raises(HeatError, match="An OOD set and a shifted set are called 'green'"):
        asked(sets, green=sets / "pouring").check()
    with pytest.raises(HeatError, match="made:shuffled shows none of the ID's classes"):
        asked(sets, mixed="made:shuffled").check()
    with pytest.raises(HeatError, match="A shifted set cannot be called 'train'"):
        asked(sets, train=sets / "pouring").check()


def test_copies_in_shifted_sets_are_said(sets):
    shutil.copy(next((sets / "train" / "red").iterdir()), sets / "pouring" / "red" / "trained.png")
    shutil.copy(next((sets / "test" / "red").iterdir()), sets / "pouring" / "red" / "tested.png")
    trained, tested = inspect_sets(asked(sets, rainy=sets / "pouring")).warnings
    assert "1 of the 11 images of 'rainy' are images of the training set too: full-spectrum figures are" in trained
    assert "1 of the 11 images of 'rainy' are images of the ID test set too: full-spectrum figures count" in tested


def test_lists_stand_for_shifted_folders(sets):
    for name in ("train", "test", "pouring"):
        files = sorted((sets / name).glob("*/*.png"))
        rows = [f"{file} {('blue', 'red').index(file.parent.name)}" for file in files]
        (sets / f"{name}.txt").write_text("\n".join(rows))
    lists = replace(asked(sets, rainy=sets / "pouring.txt"), id=str(sets / "train.txt"), id_test=str(sets / "test.txt"))
    assert inspect_sets(lists).sizes == {"train": 12, "id": 6, "green": 4, "rainy": 9}


def test_features_stand_for_shifted_folders(tmp_path):
    rng = np.random.default_rng(0)
    for name, count in {"train": 60, "test": 30, "ood": 20, "rainy": 24}.items():
        (tmp_path / name).mkdir()
        labels = np.arange(count) % 3
        centres = 4 * np.eye(8, dtype=np.float32)[labels]
        np.save(tmp_path / name / "avg.npy", rng.normal(centres, 1 + (name == "rainy")).astype(np.float32))
        if name != "ood":
            np.save(tmp_path / name / "labels.npy", labels)
    e = replace(asked(tmp_path, rainy=tmp_path / "rainy"), backbone="features", priors=["gmm"], settings=SETTINGS)
    done = run(replace(e, detectors=["msp"], map=False))
    known = np.concatenate([done.detector_scores(name, "gmm").astype(np.float64) for name in ("id", "rainy")])
    found = done.metrics(full_spectrum=True)["gmm"]["green"]["fpr95"]
    assert found == (done.detector_scores("green", "gmm") <= np.quantile(known, 0.95)).mean()
    (tmp_path / "test" / "labels.npy").unlink()
    of_run = [done, run(replace(e, detectors=[], map=False, name="unlabelled"))]
    for with_measures in of_run:
        make_findings(with_measures)
    asked_of = [set(questions_of(Samples(Run.open(r.folder)))) & {"misclassified", "mislabelled"} for r in of_run]
    assert asked_of == [{"misclassified", "mislabelled"}, set()]  # their shares are of all known images
    np.save(tmp_path / "rainy" / "labels.npy", np.arange(24) % 4)
    with pytest.raises(HeatError, match="'rainy' has classes that the training set lacks"):
        inspect_sets(e)
