"""HEAT_HOME moved to another disk, or mounted at another path: runs, features, guards and links still open."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from heat_core import Experiment, Guard, Run, pack, run
from heat_core.analysis.new_images import NewImages
from heat_core.analysis.samples import Samples
from heat_core.analysis.subsets import write_image_folder
from heat_core.data.datasets import open_dataset
from heat_core.data.demo import DEMO_WEIGHTS
from heat_core.pipeline.scoring import score_into
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.runs.scored_images import SCORED, ScoredImages
from heat_core.storage import from_stored_path, to_stored_path
from tests.conftest import make_known_and_other


def a_run(home) -> Run:
    """A run whose images and weights lie in HEAT_HOME too."""
    settings = {"epochs": 1, "updates": 1, "width": 8, "langevin_steps": 1}
    experiment = Experiment(
        id=str(home / "data" / "known"),
        ood={"other": str(home / "data" / "other")},
        backbone="heat-demo-resnet",
        weights=str(home / "nets" / "demo.safetensors"),
        priors=["gmm"],
        detectors=[],
        preset="quick",
        settings=settings,
        map=False,
    )
    return run(experiment)


@pytest.fixture
def moved(home, monkeypatch, tmp_path):
    """A run, what it made, and its HEAT_HOME at another path."""
    (home / "nets").mkdir(parents=True)
    shutil.copy(DEMO_WEIGHTS, home / "nets" / "demo.safetensors")
    make_known_and_other(home / "data")
    made = a_run(home)
    pack(made, home / "guard.safetensors")
    score_into(made, [home / "data" / "other"], made.folder / "own" / "batch")
    samples = Samples(made)
    write_image_folder(samples, np.flatnonzero(samples.is_ood)[:3], "some")
    home.rename(tmp_path / "bigger")
    monkeypatch.setenv("HEAT_HOME", str(tmp_path / "bigger"))
    return Run.open(made.id), tmp_path / "bigger"


def test_everything_opens_after_a_move(moved):
    opened, home = moved
    texts = (opened.folder / "run.json").read_text() + str(np.load(opened.folder / ENERGIES)["summary"])
    assert str(home.with_name("home")) not in texts
    assert opened.features("train").folder.is_relative_to(home)
    assert opened.image("other", opened.ids("other")[0]).size == (32, 32)
    verdicts = Guard.load(home / "guard.safetensors")([home / "data" / "other" / "000.png"])
    np.testing.assert_allclose(verdicts.prior, opened.prior_energies("other")[:1], rtol=1e-4)
    batch = NewImages(opened, ScoredImages.load(opened.folder / "own" / "batch" / SCORED), "batch")
    assert batch.image(len(batch) - 1).size == (32, 32)
    linked = open_dataset(str(next((home / "sets").iterdir())))
    assert [linked.open(i).size for i in range(3)] == [(32, 32)] * 3


def test_a_repeated_run_reads_the_features_again(moved):
    opened, home = moved
    before = {path: path.stat().st_mtime_ns for path in home.glob("features/*/*/avg.npy")}
    again = a_run(home)
    assert {path: path.stat().st_mtime_ns for path in home.glob("features/*/*/avg.npy")} == before
    np.testing.assert_array_equal(again.prior_energies("other"), opened.prior_energies("other"))


def test_absolute_paths_of_older_versions_open_too(moved):
    opened, home = moved
    before = home.with_name("home")
    info = json.loads((opened.folder / "run.json").read_text().replace("$HEAT_HOME", str(before)))
    assert info["experiment"]["id"] == str(before / "data" / "known")
    (opened.folder / "run.json").write_text(json.dumps(info))
    record = RunRecord.load(opened.folder / ENERGIES)
    old = {name: str(before / to_stored_path(path).partition("/")[2]) for name, path in record.features.items()}
    replace(record, features=old).save(opened.folder / ENERGIES)
    older = Run.open(opened.id)
    assert older.experiment == opened.experiment
    assert older.features("train").folder == opened.features("train").folder
    assert older.image("train", older.training_ids[0]).size == (32, 32)


def test_a_run_in_another_heat_home_reads_what_lies_there(moved, monkeypatch, tmp_path):
    opened, home = moved
    monkeypatch.setenv("HEAT_HOME", str(tmp_path / "third"))
    assert Run.open(opened.folder).features("train").folder.is_relative_to(home)


def test_paths_in_files(home, tmp_path, monkeypatch):
    """Only what lies in HEAT_HOME is shortened, also through a link to it and after the kind of a backbone."""
    (home / "sets" / "a").mkdir(parents=True)
    (tmp_path / "link").symlink_to(home)
    for source, text in {
        str(home / "sets" / "a"): "$HEAT_HOME/sets/a",
        f"torch:{home / 'sets' / 'a'}": "torch:$HEAT_HOME/sets/a",
        "cifar10": "cifar10",
        "hf:microsoft/resnet-50": "hf:microsoft/resnet-50",
    }.items():
        assert to_stored_path(source) == text
        assert from_stored_path(text) == source
    assert to_stored_path(f"{home}-2/sets/a") == f"{home}-2/sets/a"
    monkeypatch.setenv("HEAT_HOME", str(tmp_path / "link"))
    assert (
        to_stored_path(home / "sets" / "a") == to_stored_path(tmp_path / "link" / "sets" / "a") == "$HEAT_HOME/sets/a"
    )
    assert from_stored_path("/gone/heat/sets/a") == str(tmp_path / "link" / "sets" / "a")
    assert from_stored_path("/gone/heat/sets/b") == "/gone/heat/sets/b"
