"""A map for a run that was made without one."""

import sys

import numpy as np
import pytest

from heat_core import Experiment, HeatError, Run, run
from heat_core.__main__ import main
from heat_core.errors import Cancelled
from heat_core.jobs import jobs
from heat_core.pipeline.make_map import make_map, require_mappable
from heat_core.runs.feature_map import MAP_FILE
from heat_core.runs.lock import run_lock
from heat_core.storage import read_json, read_npz, write_json
from tests.conftest import copy_run
from tests.synthetic import synthetic_run

SETTINGS = {"width": 16, "updates": 6, "epochs": 3, "langevin_steps": 2}
PRIORS = {"preset": "quick", "settings": SETTINGS, "priors": ["gmm"], "seed": 3}


def files_of(path) -> dict[str, bytes]:
    """What must not change: the run's files but its events, its log and its lock."""
    ours = (MAP_FILE, "events.jsonl", "job.log", "job.lock")
    return {p.name: p.read_bytes() for p in path.iterdir() if p.name not in ours}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The same experiment with its map, and without."""
    e = Experiment("demo-digits", {"far": "demo-photo-patches"}, "demo-digits", "heat-demo-resnet", limit=12, **PRIORS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(tmp_path_factory.mktemp("pair")))
        without = Experiment(**e.to_dict() | {"map": False})
        yield run(e), run(without)


@pytest.fixture
def bare(pair, home) -> Run:
    """A copy of the run without a map."""
    copy_run(pair[1], home / "runs" / "bare")
    return Run.open("bare")


@pytest.mark.slow
def test_a_later_map_is_the_map_that_the_run_would_have_made(pair, bare):
    before, told = files_of(bare.folder), len(bare.events())
    assert not bare.has_map
    assert jobs.start_map(bare).wait(300) == 0
    later = Run.open(bare.folder)
    assert later.status == "done"
    assert files_of(bare.folder) == before
    own, other = read_npz(pair[0].folder / MAP_FILE), read_npz(bare.folder / MAP_FILE)
    assert set(own) == set(other)
    for name in own:
        np.testing.assert_array_equal(own[name], other[name], name)
    assert later.map.xy.shape == pair[0].map.xy.shape  # the record's samples, each once
    new = later.events()[told:]
    assert {e["stage"] for e in new} == {"map"}
    assert new[-1]["message"] == "The map is made."
    assert not any("error" in e for e in new)
    with pytest.raises(HeatError, match="has a map"):
        jobs.start_map(later)


@pytest.mark.slow
def test_features_of_which_the_run_took_a_part(tmp_path, home):
    """The ID test set is held out of the training folder, limits cut both, and std is in one folder alone."""
    rng, y = np.random.default_rng(0), np.arange(90) % 3
    for name, z in (("known", 4 * np.eye(3, 8)[y] + rng.normal(size=(90, 8))), ("odd", rng.normal(size=(30, 8)) - 6)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "avg.npy", z.astype(np.float32))
    np.save(tmp_path / "known" / "labels.npy", y)
    np.save(tmp_path / "known" / "std.npy", np.ones((90, 8), np.float32))
    e = Experiment(str(tmp_path / "known"), {"odd": str(tmp_path / "odd")}, backbone="features", limit=4, **PRIORS)
    own, without = run(e), run(Experiment(**e.to_dict() | {"map": False}))
    make_map(without)
    np.testing.assert_array_equal(own.map.xy, Run.open(without.folder).map.xy)

    (without.folder / MAP_FILE).unlink()
    np.save(tmp_path / "odd" / "avg.npy", rng.normal(size=(30, 8)).astype(np.float32))
    with pytest.raises(HeatError, match="'odd' are not those that this run was made from"):
        make_map(Run.open(without.folder))
    np.save(tmp_path / "odd" / "avg.npy", np.zeros((2, 8), np.float32))
    with pytest.raises(HeatError, match="no longer on this machine"):
        make_map(Run.open(without.folder))
    assert not list(without.folder.glob("map*"))


def test_what_is_missing_is_a_sentence(bare, monkeypatch, tmp_path, capsys):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "umap", None)
        with pytest.raises(HeatError, match="pip install umap-learn"):
            jobs.start_map(bare)
        assert main(["map", str(bare.folder)]) == 2
    assert "pip install umap-learn" in capsys.readouterr().err
    failed = Run.open(bare.folder)
    assert (failed.status, failed.has_map) == ("done", False)
    assert "umap-learn" in failed.events()[-1]["error"]
    with pytest.raises(HeatError, match="features of 'train' are not on this machine"):
        require_mappable(synthetic_run(tmp_path / "synthetic", with_map=False))


def test_a_run_that_is_worked_on_or_has_no_numbers_waits(bare):
    with run_lock(bare.folder), pytest.raises(HeatError, match="another process"):
        jobs.start_map(bare)
    (bare.folder / "energies.npz").unlink()
    with pytest.raises(HeatError, match="nothing to map yet"):
        jobs.start_map(Run.open(bare.folder))


@pytest.mark.parametrize(
    ("error", "said"), [(HeatError("The disk is full."), "disk is full"), (Cancelled(), "Cancelled")]
)
def test_what_ends_it_early_leaves_the_run_as_it_was(bare, monkeypatch, error, said):
    def fail(*_, **__):
        raise error

    info = read_json(bare.folder / "run.json")
    write_json(bare.folder / "run.json", info | {"status": "failed"})
    before = files_of(bare.folder)
    monkeypatch.setattr("heat_core.pipeline.make_map.write_points", fail)
    with pytest.raises(type(error)):
        make_map(bare)
    assert files_of(bare.folder) == before
    left = Run.open(bare.folder)
    assert (left.status, left.has_map, left.is_alive) == ("failed", False, False)
    assert said in left.events()[-1]["error"]
