"""What version 0.2 stored opens today: a run, its features, its guard and a study, with the numbers of that time.

`tests/data/stored-by-0.2.tar.xz` holds a HEAT_HOME after two commands of that version (`run` and `study lambda` on a
few digits of the demo), the guard that `pack` made of the run, and `expected.json`: its scores and the run's metrics.
`energies-by-0.3.npz` holds the energies of the study's runs done again by version 0.3, by λ.
"""

import json
import shlex
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from heat_core import Guard, Lens, Run
from heat_core.__main__ import main
from heat_core.features.store import load_features
from heat_core.studies import request
from tests.browser import ROOT

ENERGIES = ROOT / "tests" / "data" / "energies-by-0.3.npz"


@pytest.fixture
def stored(tmp_path, monkeypatch) -> Path:
    with tarfile.open(ROOT / "tests" / "data" / "stored-by-0.2.tar.xz") as archive:
        archive.extractall(tmp_path / "stored", filter="data")
    monkeypatch.setenv("HEAT_HOME", str(tmp_path / "stored" / "home"))
    return tmp_path / "stored"


@pytest.fixture
def expected(stored) -> dict:
    return json.loads((stored / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture
def run(stored) -> Run:
    (folder,) = (stored / "home" / "runs").glob("*-kept")
    return Run.open(folder)


def test_a_run_has_its_metrics(run, expected):
    for beta, metrics in expected["metrics"].items():
        for detector, row in run.metrics(Lens(beta=float(beta))).items():
            for name, values in row.items():
                assert values == pytest.approx(metrics[detector][name], rel=1e-9)
    assert set(run.metrics(detectors=run.combined)) == {"fisher", "harmonic"}  # rows that came later
    assert run.status == "done"
    assert len(run.map.training_xy) == 60


def test_its_guard_gives_its_scores(run, stored, expected):
    guard = Guard.load(stored / "guard.safetensors")
    assert guard.threshold == pytest.approx(expected["threshold"], rel=1e-5)
    for name in ("id", "patches", "unseen"):
        features = kept_features(stored, run, name)
        verdicts = guard.of_features(features.avg, features.std)
        np.testing.assert_allclose(verdicts.score, expected[name]["score"], rtol=1e-5, atol=1e-5)  # float32 products
        np.testing.assert_allclose(verdicts.p_value, expected[name]["p_value"], atol=1e-9)
        np.testing.assert_array_equal(verdicts.predicted, expected[name]["predicted"])


def kept_features(stored: Path, run: Run, name: str):
    """The features of a set, found by the name of their folder: where HEAT_HOME lies now is not where it was made."""
    return load_features(stored / "home" / "features" / "heat-demo-resnet" / Path(run.record.features[name]).name)


def test_features_are_found_and_not_extracted_again(stored, capsys):
    before = sorted((stored / "home" / "features").rglob("*.npy"))
    times = [path.stat().st_mtime_ns for path in before]
    command = """
        run --id demo-digits --id-test demo-digits --ood patches=demo-photo-patches unseen=demo-unseen-digits
        --backbone heat-demo-resnet --limit 10 --limit-test 8 --limit-ood 20 --preset quick --no-map
        --set epochs=1 width=8 updates=5 langevin_steps=2 --priors el --detectors msp
    """
    assert main(shlex.split(command)) == 0
    assert sorted((stored / "home" / "features").rglob("*.npy")) == before
    assert [path.stat().st_mtime_ns for path in before] == times


def test_a_study_shows_its_curve_without_doing_a_run_again(stored, capsys, monkeypatch):
    monkeypatch.setattr(request, "NUMBERS_VERSION", "0.2.0")  # its own; later ones train anew
    (folder,) = (stored / "home" / "studies").glob("lambda-*")
    curves = {path.name: path.read_bytes() for path in folder.glob("results/*.csv")}
    curves = {name: text.replace(b"balanced", b"rescaled") for name, text in curves.items()}  # a row has a new name
    runs = sorted((stored / "home" / "runs").iterdir())
    times = [(run / "energies.npz").stat().st_mtime_ns for run in runs]
    assert main(["study", "--resume", str(folder)]) == 0
    assert {path.name: path.read_bytes() for path in folder.glob("results/*.csv")} == curves
    assert sorted((stored / "home" / "runs").iterdir()) == runs
    assert [(run / "energies.npz").stat().st_mtime_ns for run in runs] == times


def test_its_runs_done_again_give_the_same_energies(stored):
    """Where they do not, `version.NUMBERS_VERSION` must be raised, and the file of energies be written again."""
    (folder,) = (stored / "home" / "studies").glob("lambda-*")
    for done in (stored / "home" / "studies" / "residuals", *(stored / "home" / "runs").glob("study-*")):
        shutil.rmtree(done)
    assert main(["study", "--resume", str(folder)]) == 0
    runs = {Run.open(run).experiment.settings.get("lambda_", "base"): run for run in stored.glob("home/runs/study-*")}
    with np.load(ENERGIES) as kept:
        assert {str(key) for key in runs} == set(kept.files)
        for key, run in runs.items():  # processors round differently
            np.testing.assert_allclose(energies_of(run), kept[str(key)], rtol=1e-3, atol=2e-4)


def energies_of(folder: Path) -> np.ndarray:
    """Prior and residual energies of all sets of a run."""
    run = Run.open(folder)
    return np.concatenate([[run.prior_energies(name), run.residual_energies(name)] for name in run.datasets], axis=1)
