"""The study `leave-out`: its numbers computed in another way, its tables, and where it cannot be done."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from heat_core import HeatError, Run
from heat_core.cli.main import main
from heat_core.cli.parser import build_parser
from heat_core.data.made.made_sets import MADE
from heat_core.features.store import load_features
from heat_core.runs.experiment import ID
from heat_core.storage import expand_home
from heat_core.studies import held_out_classes, request
from heat_core.studies.catalogue import fill_paper_defaults, study_of
from heat_core.studies.execution import current_results, plan_runs, run_study
from heat_core.studies.request import StudyFolder, StudyRequest, new_study
from tests.heat_core.studies.conftest import feature_folder

TINY = ["width=8", "updates=1", "epochs=1", "langevin_steps=1"]


def energies_and_predictions(train, test, left_out: int) -> tuple[np.ndarray, np.ndarray]:
    """EL of scikit-learn's classifier of the other classes, and the classes that it predicts."""
    others = train.labels != left_out
    classifier = LogisticRegression(C=0.1, max_iter=5000, tol=1e-8)
    classifier.fit(train.avg[others].astype(float), np.asarray(train.labels)[others])
    margin = classifier.decision_function(test.avg.astype(float))
    logits = np.stack([-margin / 2, margin / 2], axis=1)  # two classes: rows ± w / 2
    return -np.log(np.exp(logits).sum(axis=1)), classifier.predict(test.avg.astype(float))


def test_near_is_what_a_classifier_of_the_other_classes_misses(base):
    study = new_study(StudyRequest("leave-out", base, (0, 1)))
    assert len(plan_runs(study.request)) == 1  # no seed changes these numbers
    run_study(study)
    finished, (summary, by_class) = current_results(study)
    measured = finished.measurements
    train, test = (load_features(expand_home(source)) for source in (base.id, base.id_test))
    labels, areas = np.asarray(test.labels), []
    for c, found in enumerate(measured["classes"]):
        energy, predicted = energies_and_predictions(train, test, c)
        areas.append(100 * roc_auc_score(labels == c, energy))
        assert found["auroc"]["el"] == pytest.approx(areas[-1], abs=0.3)
        threshold = np.quantile(energy[labels != c], 0.95)
        assert found["fpr95"]["el"] == pytest.approx(100 * (energy[labels == c] <= threshold).mean(), abs=5.1)
        taken = np.bincount(predicted[labels == c])
        assert found["taken_for"] == train.class_names[taken.argmax()]
        assert found["share"] == pytest.approx(100 * taken.max() / taken.sum(), abs=5.1)
        assert (found["images"], found["class"], found["folders"]) == (20, train.class_names[c], [])
    mean, low, high = measured["near"]["auroc"]["el"]
    assert mean == pytest.approx(np.mean(areas), abs=0.3)
    half = 4.3027 * np.std([c["auroc"]["el"] for c in measured["classes"]], ddof=1) / 3**0.5  # Student's t, 2 degrees
    assert (low, high) == pytest.approx((max(mean - half, 0), min(mean + half, 100)), abs=0.01)
    assert measured["far"] == {}  # there are no images of which any could be made
    assert set(measured["given"]["auroc"]) == {"gmm", "gmm-std", "el", "heat"}
    run = finished.runs[0][1][0]
    assert measured["given"]["auroc"]["gmm"][0] == pytest.approx(
        100 * run.metrics()["gmm"]["average"]["auroc"], abs=1e-6
    )

    auroc = next(table for table in summary.tables if table.metric == "auroc")
    assert [title for _, title in auroc.columns] == ["near: held-out classes", "the OOD sets given"]
    assert auroc.labels == ["GMM", "GMM-std", "EL", "all composed, β = 0"]
    missed = [row[-1].value for row in next(t for t in by_class.tables if t.metric == "fpr95").cells]
    assert missed == sorted(missed, reverse=True)
    assert f"{missed[0]:.0f} % of its images would go unnoticed" in by_class.answers[0]


def test_known_images_alone_are_enough(tmp_path, image_folder, home, capsys):
    """From the command line, without an OOD set: near, far and the classes, as JSON, pages and links."""
    known = image_folder(tmp_path / "known", dict.fromkeys(("blue", "green", "red"), 10))
    words = ["study", "leave-out", "--id", str(known), "--backbone", "heat-demo-resnet", "--preset", "quick"]
    assert main([*words, "--priors", "gmm", "el", "--set", *TINY, "--out", str(tmp_path / "out"), "--json"]) == 0
    written = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    measured = written["measurements"]
    assert [c["folders"] for c in measured["classes"]] == [["blue"], ["green"], ["red"]]
    assert measured["given"] == {}
    assert set(measured["far"]["fpr95"]) == {"gmm", "el", "heat"}
    titles = [result["title"] for result in written["results"]]
    assert titles == ["From known images alone (near and far)", "Each class as if it were new (classes)"]
    cells = written["results"][0]["tables"][0]["cells"]
    assert {cell["set"] for cell in cells} == {"near: held-out classes", "far: no object"}
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"index.html", "near-and-far-auroc.csv", "near-and-far-fpr95.csv", "classes-fpr95.csv"} <= names
    assert ", taken for " in (tmp_path / "out" / "classes-auroc.csv").read_text()

    (run,) = [Run.open(folder) for folder in (home / "runs").iterdir()]
    assert list(run.experiment.ood) == list(MADE)
    value = measured["far"]["auroc"]["gmm"][0]
    assert value == pytest.approx(100 * run.metrics()["gmm"]["average"]["auroc"], abs=1e-6)


def test_made_sets_are_added_to_those_given(base):
    (setting,) = study_of("leave-out").vary(replace(base, backbone="resnet18", preset="paper", settings={}), ())
    assert list(setting.experiment.ood) == ["close", "<b>away</b>", *MADE]
    assert (setting.experiment.preset, setting.experiment.detectors) == ("quick", [])
    given = replace(base, backbone="resnet18", ood={"far": "made:noise"})
    (setting,) = study_of("leave-out").vary(given, ())
    assert list(setting.experiment.ood) == ["far", "made:shuffled", "made:phase"]


def test_classes_that_are_not_there_are_said(base, tmp_path):
    unlabelled = replace(base, id_test=feature_folder(tmp_path / "plain", 60, 1, labelled=False))
    with pytest.raises(HeatError, match="training images and the ID test images have the same"):
        run_study(new_study(StudyRequest("leave-out", unlabelled)))


def test_two_classes_are_too_few(base, tmp_path):
    for source, name in ((base.id, "two"), (base.id_test, "two-test")):
        kept = load_features(expand_home(source))
        two = kept.subset(np.flatnonzero(np.asarray(kept.labels) < 2))
        (tmp_path / name).mkdir()
        for column, values in {"avg": two.avg, "std": two.std, "labels": two.labels}.items():
            np.save(tmp_path / name / f"{column}.npy", values)
    few = replace(base, id=str(tmp_path / "two"), id_test=str(tmp_path / "two-test"))
    with pytest.raises(HeatError, match="at least 3 classes"):
        run_study(new_study(StudyRequest("leave-out", few)))


def test_a_class_without_test_images_is_named(base, tmp_path):
    kept = load_features(expand_home(base.id_test))
    some = kept.subset(np.flatnonzero(np.asarray(kept.labels) != 1))
    for column, values in {"avg": some.avg, "std": some.std, "labels": some.labels}.items():
        (tmp_path / "some").mkdir(exist_ok=True)
        np.save(tmp_path / "some" / f"{column}.npy", values)
    study = new_study(StudyRequest("leave-out", replace(base, id_test=str(tmp_path / "some"))))
    run_study(study)
    finished, (_, by_class) = current_results(study)
    run = finished.runs[0][1][0]
    assert (finished.measurements["skipped"], len(finished.measurements["classes"])) == ([run.class_names[1]], 2)
    assert f"Without test images, and not measured: {run.class_names[1]}." in by_class.answers
    assert set(run.labels(ID)) == {0, 2}


def measured_of(base) -> tuple[StudyFolder, dict]:
    study = new_study(StudyRequest("leave-out", base))
    run_study(study)
    return study, current_results(study)[0].measurements


@pytest.mark.parametrize("change", ["labels", "classes", "numbers"])
def test_new_data_are_measured_again(base, monkeypatch, change):
    study, before = measured_of(base)
    if change == "labels":
        for source in (base.id, base.id_test):
            path = expand_home(source) / "labels.npy"
            labels = np.load(path)
            labels[:40] = np.roll(labels[:40], 1)
            np.save(path, labels)
    elif change == "classes":
        for source in (base.id, base.id_test):
            (expand_home(source) / "meta.json").write_text(json.dumps({"class_names": ["one", "two", "three"]}))
    else:
        monkeypatch.setattr(request, "NUMBERS_VERSION", "another")
        monkeypatch.setattr(held_out_classes, "measure_near_and_far", lambda run, *_: before | {"skipped": [run.id]})
    assert current_results(study)[0].measurements == {}
    again, after = measured_of(base)
    assert again.folder == study.folder
    assert after
    assert after != before


@pytest.mark.parametrize("limits", [{}, {"limit": 15, "limit_test": 5, "limit_ood": 7}, {"share": 0.5}])
def test_features_that_the_run_left_out_are_not_measured(base, limits):
    base = replace(base, id_test=None, **limits)
    study, measured = measured_of(base)
    run = current_results(study)[0].runs[0][1][0]
    assert sum(c["images"] for c in measured["classes"]) == len(run.ids(ID))
    averages = {row: 100 * values["average"]["auroc"] for row, values in run.metrics().items()}
    assert measured["given"]["auroc"]["gmm"][0] == pytest.approx(averages["gmm"], abs=1e-6)


def test_made_sets_alone_also_with_a_set_of_the_paper():
    words = ["study", "leave-out", "--id", "cifar10"]
    filled = fill_paper_defaults(build_parser().parse_args(words))
    assert (filled.ood, filled.id_test, filled.backbone) == (list(MADE), "cifar10", "resnet34_cifar10")
    given = fill_paper_defaults(build_parser().parse_args([*words, "--ood", "svhn=svhn"]))
    assert given.ood == ["svhn=svhn"]


def test_features_alone_need_an_ood_set(base, home, capsys):
    words = ["study", "leave-out", "--id", base.id, "--id-test", base.id_test, "--backbone", "features"]
    assert main(words) == 2
    assert "Made sets need images: give --ood folders of features" in capsys.readouterr().err
    assert not (home / "studies").exists()


def test_one_class_with_test_images_is_refused_before_the_run(base, home, tmp_path):
    kept = load_features(expand_home(base.id_test))
    one = kept.subset(np.flatnonzero(np.asarray(kept.labels) == 1))
    (tmp_path / "one").mkdir()
    for column, values in {"avg": one.avg, "std": one.std, "labels": np.ones(len(one), int)}.items():
        np.save(tmp_path / "one" / f"{column}.npy", values)
    with pytest.raises(HeatError, match="leave-out needs at least two classes with test images: only '1' has some"):
        run_study(new_study(StudyRequest("leave-out", replace(base, id_test=str(tmp_path / "one")))))
    assert not (home / "runs").exists()


def test_held_out_images_of_one_class_are_too_few(base, home, tmp_path, image_folder):
    known = image_folder(tmp_path / "small", {"blue": 10, "green": 3, "red": 3})
    few = replace(base, id=str(known), id_test=None, ood={"n": "made:noise"}, groups={}, backbone="heat-demo-resnet")
    with pytest.raises(HeatError, match="test images: only 'blue' has some"):
        run_study(new_study(StudyRequest("leave-out", few)))
    assert not (home / "runs").exists()
