"""Measurements of classes left out: with residuals, and those that cannot be made."""

from dataclasses import replace

import numpy as np
import pytest

from heat_core import HEAT, HeatError
from heat_core.cli.main import main
from heat_core.features.store import load_features
from heat_core.metrics import auroc
from heat_core.runs.events import read_events
from heat_core.storage import expand_home
from heat_core.studies.execution import current_results, run_study
from heat_core.studies.request import StudyFolder, StudyRequest, new_study


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_test_images_of_one_class_are_too_few(base, tmp_path):
    kept = load_features(expand_home(base.id_test))
    one = kept.subset(np.flatnonzero(np.asarray(kept.labels) == 1))
    (tmp_path / "one").mkdir()
    for column, values in {"avg": one.avg, "std": one.std, "labels": one.labels}.items():
        np.save(tmp_path / "one" / f"{column}.npy", values)
    with pytest.raises(HeatError, match=r"at least two classes with test images: only .1. has some"):
        run_study(new_study(StudyRequest("leave-out", replace(base, id_test=str(tmp_path / "one")))))


def test_residuals_are_trained_on_the_other_classes(base):
    """The numbers are those of the estimator on the same features, and a second measurement trains nothing."""
    study = new_study(StudyRequest("leave-out-residuals", base, (0, 1)))
    run_study(study)
    finished, (summary, by_class) = current_results(study)
    train, test = (load_features(expand_home(source)) for source in (base.id, base.id_test))
    for c, found in enumerate(finished.measurements["classes"]):
        y = np.asarray(train.labels)
        heat = HEAT(base.priors, preset="quick", settings=base.settings)
        heat.fit(train.avg[y != c], y[y != c], std=train.std[y != c])
        is_new = np.asarray(test.labels) == c
        rows = {f"heat-{p}": e for p, e in heat.energies(test.avg, std=test.std).items()}
        rows["heat"] = heat.ood_score(test.avg, std=test.std)
        for row, scores in rows.items():
            near = 1e-6 if "gmm" in row else 0.3  # the head begins from that of all classes, and ends a rounding apart
            assert found["auroc"][row] == pytest.approx(100 * auroc(scores[~is_new], scores[is_new]), abs=near)
    rows = ["GMM", "GMM-std", "EL", "HEAT-GMM", "HEAT-GMM-std", "HEAT-EL", "HEAT, β = 0"]
    assert summary.tables[0].labels == [title for _, title in by_class.tables[0].columns] == rows
    trained = "trained on the same classes with the settings of the preset quick (changed: epochs=2, updates=4, width=8"
    assert any(trained in answer for answer in summary.answers)
    assert [e["message"] for e in read_events(study.folder) if "Leaving out" in e["message"]] == [
        f"Leaving out a class, {c + 1} of 3: {name}." for c, name in enumerate(train.class_names)
    ]

    (study.folder / "measured.json").unlink()
    kept = {path: path.stat().st_mtime_ns for path in (study.folder.parent / "residuals").iterdir()}
    run_study(study)
    assert current_results(study)[0].measurements == finished.measurements
    assert {path: path.stat().st_mtime_ns for path in (study.folder.parent / "residuals").iterdir()} == kept


def test_a_divergence_is_said_and_not_kept(base):
    wild = replace(base, priors=["gmm"], settings=base.settings | {"learning_rate": 1e30})
    study = new_study(StudyRequest("leave-out-residuals", wild, (0,)))
    run_study(study)
    finished, (summary, _) = current_results(study)
    said = finished.measurements["stopped"]
    classes = ["All classes", *(f"Without {c['class']}" for c in finished.measurements["classes"])]
    diverged = "residual of GMM: Training diverged in epoch 1: the weights of epoch 0 are kept; lower the learning rate"
    assert [sentence.startswith(f"{of}, {diverged}") for of, sentence in zip(classes, said, strict=True)] == [True] * 4
    assert set(said) <= {e["message"] for e in read_events(study.folder)}
    assert set(said) <= set(summary.answers)
    assert not list((study.folder.parent / "residuals").glob("*"))


def test_residuals_belong_to_leave_out(base, home, capsys):
    words = [
        "--id",
        base.id,
        "--id-test",
        base.id_test,
        "--ood",
        f"close={base.ood['close']}",
        "--backbone",
        "features",
    ]
    assert main(["study", "beta", *words, "--residuals"]) == 2
    assert "--residuals belongs to the study leave-out." in capsys.readouterr().err
    settings = [f"{name}={value}" for name, value in base.settings.items()]
    options = ["--priors", "gmm", "--preset", "quick", "--seeds", "0", "--set", *settings]
    assert main(["study", "leave-out", *words, *options, "--residuals"]) == 0
    (folder,) = (home / "studies").glob("leave-out-*")
    assert StudyFolder(folder).request.study == "leave-out-residuals"
