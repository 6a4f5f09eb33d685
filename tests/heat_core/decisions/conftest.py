"""A small run over files on which the tests decide: two known classes, and two OOD sets."""

import shutil

import pytest

from heat_core import Experiment, Run, run
from heat_core.features import extraction
from tests.conftest import copy_run, make_folder


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory):
    """Run of `known` (a: 25, b: 25; every fifth is a test image), `other` (20 files) and `third` (12 files)."""
    folder = tmp_path_factory.mktemp("decided")
    make_folder(folder / "known", {"a": 25, "b": 25})
    make_folder(folder / "other", {"": 20})
    make_folder(folder / "farther", {"x": 6, "y": 6})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(folder / "home"))
        made = run(experiment_over(folder))
    return made


def experiment_over(folder, **changes) -> Experiment:
    sets = {"id": str(folder / "known"), "ood": {"other": str(folder / "other"), "third": str(folder / "farther")}}
    plain = {"backbone": "heat-demo-resnet", "preset": "quick", "priors": ["gmm"], "detectors": ["msp"]}
    return Experiment(**sets | plain | {"settings": {"epochs": 1}, "map": False} | changes)


@pytest.fixture
def decided_run(finished_run, home):
    """A copy of the run in this test's HEAT_HOME, with the features that it kept."""
    copied = copy_run(finished_run, home / "runs" / finished_run.id)
    features = home / "features"
    shutil.copytree(features.resolve(), home / "copied")
    features.unlink()
    (home / "copied").rename(features)
    return Run.open(copied)


@pytest.fixture
def networks_runs(monkeypatch):
    """Number of images of each batch that goes through a network."""
    batches: list[int] = []
    plain = extraction.iter_batches

    def counted(*arguments):
        for columns, readable in plain(*arguments):
            batches.append(len(readable))
            yield columns, readable

    monkeypatch.setattr(extraction, "iter_batches", counted)
    return batches
