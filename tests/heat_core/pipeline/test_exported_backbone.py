"""Runs through `torch:FILE.pt2`, in processes that know nothing of the module that the file was made of."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from heat_core import Experiment, HeatError, Run, run
from heat_core.backbones.registry import Backbone, load_backbone
from heat_core.studies.request import fingerprint_of

SMALL = {"width": 8, "updates": 1, "epochs": 1, "langevin_steps": 1}


def heat(folder, *words) -> str:
    command = [sys.executable, "-m", "heat_core", *map(str, words)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def asked(backbone: str) -> Experiment:
    e = Experiment(id="demo-digits", ood={"far": "demo-photo-patches"}, backbone=backbone, limit=12, map=False)
    e.preset, e.settings, e.detectors = "quick", SMALL, ["msp"]
    return e


@pytest.mark.slow
def test_a_run_of_the_command_line_scores_in_other_folders(tmp_path, image_folder):
    """A run of the command line gives the same scores in other folders."""
    known = load_backbone("heat-demo-resnet")
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    Backbone.wrap(known.model, known.transform).save(tmp_path / "here" / "net.pt2")
    words = ["run", "--id", "demo-digits", "--ood", "far=demo-photo-patches", "--backbone", "torch:net.pt2"]
    words += ["--limit", 12, "--no-map", "--preset", "quick", "--detectors", "msp", "--json"]
    words += ["--set", *(f"{key}={value}" for key, value in SMALL.items())]
    done = Run.open(json.loads(heat(tmp_path / "here", *words).splitlines()[-1])["run"])
    assert done.experiment.backbone == f"torch:{tmp_path / 'here' / 'net.pt2'}"
    assert done.id.endswith("demo-digits-net.pt2")

    by_name = run(asked("heat-demo-resnet"))
    for detector in ("msp", "gmm", "gmm-std", "heat"):
        ours, theirs = (r.detector_scores("far", detector) for r in (done, by_name))
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)

    image_folder(tmp_path / "there" / "new", {"": 3})
    found = json.loads(heat(tmp_path / "there", "score", done.folder, "new", "--json").splitlines()[-1])
    assert len(found["images"]) == 3

    before = fingerprint_of(done.experiment)
    second = replace(by_name.experiment, second_backbone=done.experiment.backbone)
    with_second = fingerprint_of(second)
    with torch.no_grad():
        known.model.conv1.weight.mul_(1.5)
    known.save(tmp_path / "here" / "net.pt2")
    assert fingerprint_of(done.experiment) != before
    assert fingerprint_of(second) != with_second
    with pytest.raises(HeatError, match="features of 'train' are not those that this run began with"):
        run(done.experiment, done.folder)


def test_a_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(HeatError, match=r"The program .*net.pt2 does not exist\."):
        run(asked(f"torch:{tmp_path / 'net.pt2'}"))
