"""A whole run with a module of Python's, and what other processes say of it."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from heat_core import Experiment, HeatError, Run, run
from heat_core.backbones.registry import Backbone, load_backbone
from heat_core.pipeline.positions import positions_of
from heat_core.pipeline.scoring import score
from tests.tolerance import assert_close_in_norm


def asked(**more) -> Experiment:
    usual = {
        "id": "demo-digits",
        "ood": {"far": "demo-photo-patches"},
        "detectors": ["msp", "odin", "gram", "mds"],
        "preset": "quick",
        "settings": {"width": 8, "updates": 1, "epochs": 1, "langevin_steps": 1},
        "limit": 12,
        "map": False,
    }
    return Experiment(**usual | more)


@pytest.fixture(scope="module")
def known() -> Backbone:
    return load_backbone("heat-demo-resnet")


@pytest.fixture(scope="module")
def wrapped(known) -> Backbone:
    return Backbone.wrap(known.model, known.transform, pool="global_pool", head="fc", name="digits")


@pytest.fixture(scope="module")
def home_of_module(tmp_path_factory):
    return tmp_path_factory.mktemp("wrapped-home")


@pytest.fixture(autouse=True)
def home(home_of_module, monkeypatch):
    monkeypatch.setenv("HEAT_HOME", str(home_of_module))


@pytest.fixture(scope="module")
def done(wrapped, home_of_module) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(home_of_module))
        return run(asked(weights="left.out", image_size=99), backbone=wrapped)


def test_it_finds_what_the_same_network_finds_by_its_name(done):
    by_name = run(asked(backbone="heat-demo-resnet"))
    assert set(done.left_out) == {"gram", "mds"}
    assert "digits@" in done.left_out["gram"]
    assert "does not provide" in done.left_out["gram"]
    for name in ("id", "far"):
        for detector in ("msp", "el", "gmm", "gmm-std", "heat"):
            ours, theirs = (r.detector_scores(name, detector) for r in (done, by_name))
            assert_close_in_norm(ours, theirs, 1e-5)
        # ε of what the transform divides by: seen to five digits
        np.testing.assert_allclose(*(r.detector_scores(name, "odin") for r in (done, by_name)), rtol=1e-4)


def test_the_run_says_what_it_was_made_with(done, wrapped):
    e = Run.open(done.folder).experiment
    assert (e.backbone, e.weights, e.image_size) == (wrapped.name, None, None)
    assert wrapped.name == f"wrapped:digits@{wrapped.fingerprint}"


def test_it_is_scored_explained_and_resumed_with_its_module(done, wrapped, tmp_path):
    """The run scores, is taken apart and is resumed where the module is at hand."""
    sample = str(done.ids("far")[0])
    done.image("far", sample).save(tmp_path / "same.png")
    found = score(done, [tmp_path / "same.png"])
    assert found.scores(done.scale)[0] == pytest.approx(done.scores("far")[0], rel=1e-4)
    assert positions_of(done, f"far/{sample}").energy.shape == (4, 4)
    again = run(done.experiment, done.folder, backbone=wrapped)
    np.testing.assert_array_equal(again.scores("far"), done.scores("far"))


@pytest.mark.parametrize("verb", ["job", "score"])
def test_another_process_says_what_to_do(done, verb, tmp_path, image_folder):
    more = [str(image_folder(tmp_path / "new", {"": 1}))] if verb == "score" else []
    command = [sys.executable, "-m", "heat_core", verb, str(done.folder), *more]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    last = found.stderr.strip().splitlines()[-1]
    assert last.startswith("heat_core: The backbone digits@")
    assert last.endswith("start a run with torch:FILE.pt2.")


def test_another_module_does_not_go_on_with_it(done, known):
    other = Backbone.wrap(known.model, lambda image: 2 * known.transform(image), name="digits")
    with pytest.raises(HeatError, match=r"began with the backbone wrapped:digits@.*, not with wrapped:digits@"):
        run(done.experiment, done.folder, backbone=other)


def test_a_backbone_of_a_name_is_named(known):
    with pytest.raises(HeatError, match="heat-demo-resnet is no wrapped module: name it in the experiment"):
        run(asked(), backbone=known)


def test_a_network_without_positions_has_no_gmm_std(known):
    flat = torch.nn.Sequential(torch.nn.AvgPool2d(4), torch.nn.Flatten(), torch.nn.Linear(192, 6))
    plain = Backbone.wrap(flat, known.transform, pool=None, name="one")
    made = run(asked(), backbone=plain)
    assert made.priors == ["gmm", "el"]
    assert f"{plain.name} gives one vector alone: there is no std-pooling, and no GMM-std." in made.record.notes
