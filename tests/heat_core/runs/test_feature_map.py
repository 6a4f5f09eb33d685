"""Maps: that their child does what the parent asks, and where new samples are placed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from heat_core import HeatError
from heat_core.features.features import Features
from heat_core.pipeline.umap_process import Projector, project
from heat_core.runs.feature_map import FeatureMap, write_points
from heat_core.storage import read_npz

RNG = np.random.default_rng(0)


def clusters(n: int) -> Features:
    z = (10 * np.eye(3, 12)[np.arange(n) % 3] + RNG.normal(size=(n, 12))).astype(np.float32)
    return Features(z, z, np.arange(n) % 3, [str(i) for i in range(n)])


@pytest.mark.slow
def test_the_child_fits_a_map_that_places_new_samples(tmp_path):
    """The child fits while the parent works, and new samples are placed among similar ones."""
    train, test = clusters(150), clusters(60)
    with Projector() as projector:
        write_points(tmp_path / projector.input, train, [test], seed=0)
        projector.fit(tmp_path, 0)
        projector.wait()
    fitted = FeatureMap.load(tmp_path / "map.npz")
    assert [f.name for f in tmp_path.iterdir()] == ["map.npz"]
    assert len(fitted.training_xy) == 150
    xy = fitted.place(clusters(30))
    own = np.r_[np.arange(150), np.arange(60)] % 3
    centres = np.array([fitted.xy[own == c].mean(axis=0) for c in range(3)])
    nearest = np.linalg.norm(xy[:, None] - centres, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(nearest, np.arange(30) % 3)


def test_a_known_sample_is_placed_at_home(tmp_path):
    train = clusters(60)
    write_points(tmp_path / "points.npz", train, [clusters(3)], seed=0)
    points = read_npz(tmp_path / "points.npz")
    points["xy"] = points["reduced"][:, :2].astype(np.float32)
    spread = points["xy"].std()
    assert np.abs(FeatureMap(**points).place(train) - points["xy"][:60]).mean() < 0.3 * spread


@pytest.mark.slow
def test_a_child_that_fails_gives_a_sentence(tmp_path):
    with Projector() as projector:
        projector.fit(tmp_path, 0)  # there are no points
        with pytest.raises(HeatError, match="could not be fitted"):
            projector.wait()


def test_few_points_and_no_umap_fall_back_to_the_principal_plane():
    reduced = RNG.normal(size=(4, 1))
    np.testing.assert_allclose(project(reduced), np.c_[reduced, np.zeros(4)], rtol=1e-6)


PARENT = """
import sys, time
from heat_core.pipeline.umap_process import Projector
with Projector() as projector:
    print(projector.child.pid, flush=True)
    time.sleep(60)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_the_child_ends_with_a_parent_that_is_killed():
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate()
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        if Path(f"/proc/{child}/stat").exists() and Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
            return  # ended; nobody has asked for its exit status yet
        time.sleep(0.3)
    pytest.fail("the child outlives its parent")
