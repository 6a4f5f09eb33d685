"""Files that are links to blobs without an ending, as the Hugging Face hub, DVC and git-annex lay them."""

import os
import shutil

import numpy as np
import pytest

from heat_core import Experiment, Guard, Run, pack, run
from heat_core.backbones.registry import load_backbone
from heat_core.backbones.state_dict import read_weights
from heat_core.data.demo import DEMO_WEIGHTS
from heat_core.features.store import load_features

SMALL = {"width": 8, "updates": 1, "epochs": 1, "langevin_steps": 1}


def link(path):
    """Move a file to a blob without an ending, and put a relative link in its place."""
    blobs = path.parent.parent / "blobs"
    blobs.mkdir(exist_ok=True)
    blob = blobs / f"{len(list(blobs.iterdir())):04d}"
    shutil.move(path, blob)
    path.symlink_to(os.path.relpath(blob, path.parent))
    return path


@pytest.fixture
def snapshot(tmp_path):
    (tmp_path / "snapshot").mkdir()
    return tmp_path / "snapshot"


def asked(**changes) -> Experiment:
    fixed = {"preset": "quick", "settings": SMALL, "detectors": [], "priors": ["gmm"], "map": False}
    return Experiment(id="demo-digits", ood={"far": "demo-photo-patches"}, limit=12, **fixed | changes)


def test_weights_and_guards_behind_links_are_used(snapshot):
    weights = link(shutil.copy(DEMO_WEIGHTS, snapshot / "model.safetensors"))
    assert read_weights(str(weights)).keys() == read_weights(str(weights.resolve())).keys()
    done = run(asked(backbone="heat-demo-resnet", weights=str(weights)))
    assert done.experiment.weights == str(weights)  # not the blob, whose name tells nothing
    plain = run(asked(backbone="heat-demo-resnet"))
    np.testing.assert_array_equal(done.prior_energies("far"), plain.prior_energies("far"))
    pack(done, snapshot / "guard.safetensors", with_weights=True)
    guard = Guard.load(link(snapshot / "guard.safetensors"))
    assert guard.backbone.fingerprint == load_backbone("heat-demo-resnet", str(weights)).fingerprint


def test_an_exported_network_behind_a_link_is_used(snapshot):
    load_backbone("heat-demo-resnet").save(snapshot / "net.pt2")
    done = run(asked(backbone=f"torch:{link(snapshot / 'net.pt2')}"))
    assert done.experiment.backbone == f"torch:{snapshot / 'net.pt2'}"
    assert done.experiment.network == "net.pt2"


def test_features_behind_links_are_used(snapshot, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("train", "far"):
        (snapshot / name).mkdir()
        np.save(snapshot / name / "avg.npy", rng.normal(size=(30, 4)).astype(np.float32))
        np.save(snapshot / name / "labels.npy", np.arange(30) % 3)
    np.savez(snapshot / "train" / "head.npz", weight=rng.normal(size=(3, 4)), bias=np.zeros(3))
    (snapshot / "train" / "meta.json").write_text('{"class_names": ["a", "b", "c"]}')
    for file in snapshot.glob("train/*"):
        link(file)
    (tmp_path / "known").symlink_to(snapshot / "train")
    experiment = asked(backbone="features")
    experiment.id, experiment.ood, experiment.limit = str(tmp_path / "known"), {"far": str(snapshot / "far")}, None
    done = Run.open(run(experiment).folder)
    assert done.class_names == ["a", "b", "c"]
    assert load_features(tmp_path / "known").all_class_names == ["a", "b", "c"]
    assert len(done.features("train")) == 24
