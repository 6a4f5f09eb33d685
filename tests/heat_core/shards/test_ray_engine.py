"""The same shards on Ray: the same bytes, though an actor is killed; its mistakes are sentences."""

import os
import signal
import sys
import tempfile

import numpy as np
import pytest

from heat_core import HeatError
from heat_core.backbones.registry import load_backbone
from heat_core.data.datasets import from_folder
from heat_core.digests import digest_of_file
from heat_core.energies.moments import Moments
from heat_core.energies.priors import GaussianMixture
from heat_core.energies.views import VIEWS
from heat_core.features.extraction import extract
from heat_core.features.store import load_features
from heat_core.shards import ray_engine
from heat_core.shards.list_extraction import extract_list
from heat_core.shards.ray_engine import RayEngine
from heat_core.shards.shard_plan import EngineOptions
from heat_core.shards.sharded_moments import compute_moments
from tests.heat_core.shards.helpers import parquet_digests, score_images
from tests.tolerance import assert_close_in_norm


@pytest.fixture(scope="module")
def ray_here():
    ray = pytest.importorskip("ray", reason="needs ray[data], the extra [cluster]")
    for last in (False, False, True):  # a node that has not started after 30 seconds fails, as beside other work
        try:
            ray.init(num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
            break
        except Exception:
            ray.shutdown()
            if last:
                raise
    yield ray
    ray.shutdown()


@pytest.mark.slow
def test_ray_writes_the_same_bytes_when_an_actor_fails(made, ray_here, tmp_path):
    plain = score_images(made, tmp_path / "plain", shard_size=2)
    left = []

    def kill_once(stage, message="", **more):
        if "pid" in more and not left:
            left.append(12 - len(list((tmp_path / "ray").glob("scores-*"))))
            os.kill(more["pid"], signal.SIGKILL)

    found = score_images(made, tmp_path / "ray", shard_size=2, engine="ray", report=kill_once)
    assert left[0] > 0
    assert parquet_digests(tmp_path / "ray") == parquet_digests(tmp_path / "plain")
    assert found == plain


@pytest.mark.slow
def test_ray_goes_on_where_the_loop_ended(made, ray_here, tmp_path):
    score_images(made, tmp_path / "plain")
    score_images(made, tmp_path / "out")
    for number in (1, 4):
        (tmp_path / "out" / f"scores-{number:06d}.parquet").unlink()
    score_images(made, tmp_path / "out", engine="ray", workers=1)
    assert parquet_digests(tmp_path / "out") == parquet_digests(tmp_path / "plain")


def test_a_mistake_of_the_job_is_its_own_sentence_on_ray(ray_here):
    def job(number, report=None):
        raise HeatError("The disk is full: free some.")

    with pytest.raises(HeatError, match=r"^The disk is full: free some\.$"):
        list(RayEngine(threads=1)(job, [0]))
    with pytest.raises(HeatError, match="Ray has 2 cores on a machine, and a worker needs 9: give fewer --threads"):
        list(RayEngine(threads=9)(job, [0]))


@pytest.mark.slow
def test_a_shard_that_kills_its_worker_is_given_up(ray_here):
    def job(number, report=None):
        os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(HeatError, match="Ray stopped"):
        list(RayEngine(threads=1)(job, [0]))


def test_what_goes_wrong_on_a_worker_is_a_sentence(ray_here):
    def job(number, report=None):
        raise PermissionError(13, "Permission denied", "/out/x")

    with pytest.raises(HeatError, match=r"Permission denied: '/out/x'\. \(on .*, number 7\)"):
        list(RayEngine(threads=1)(job, [7]))


def test_a_cluster_that_is_not_there(monkeypatch):
    ray = pytest.importorskip("ray", reason="needs ray[data], the extra [cluster]")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with pytest.raises(HeatError, match=r"There is no Ray cluster at 127\.0\.0\.1:9"):
        list(RayEngine("127.0.0.1:9", threads=1)(print, [0]))


def test_a_start_that_fails_does_not_blame_an_address(monkeypatch):
    ray = pytest.importorskip("ray", reason="needs ray[data], the extra [cluster]")

    def fail(**_):
        raise ray.exceptions.RaySystemError("no port is free\nand more")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", fail)
    with pytest.raises(HeatError, match=r"cannot be started on this machine .*no port is free.*: mend that") as found:
        list(RayEngine(threads=1)(print, [0]))
    assert "--address" not in str(found.value)


@pytest.mark.parametrize("variable", ["TMPDIR", "RAY_TMPDIR"])
def test_sockets_of_ray_have_short_paths(tmp_path, monkeypatch, variable):
    """A long folder for temporary files is replaced by a short one, which is removed; without one it is named."""
    ray = pytest.importorskip("ray", reason="needs ray[data], the extra [cluster]")
    long, started = tmp_path / ("job-" + "x" * 70), []
    long.mkdir()

    def start(**options):
        started.append(options["_temp_dir"])
        assert os.path.isdir(started[0])
        raise RuntimeError("started")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", start)
    monkeypatch.setenv(variable, str(long))
    monkeypatch.setattr(tempfile, "tempdir", None)  # it is read again
    with pytest.raises(HeatError, match="started"):
        list(RayEngine(threads=1)(print, [0]))
    assert len(started[0]) <= 30
    assert not os.path.exists(started[0])
    monkeypatch.setattr(ray_engine, "SHORT_FOLDERS", (str(tmp_path / "none"),))
    with pytest.raises(HeatError, match="set TMPDIR to a shorter one"):
        list(RayEngine(threads=1)(print, [0]))


def test_without_ray_there_is_a_sentence(made, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(HeatError, match="pip install 'heat-explorer\\[cluster\\]'"):
        score_images(made, tmp_path / "out", engine="ray")
    with pytest.raises(HeatError, match="--address and --workers are Ray's"):
        score_images(made, tmp_path / "out", workers=2)


@pytest.mark.slow
def test_extracted_features_are_a_folder_for_runs(made, ray_here, tmp_path):
    _, new, weights = made
    backbone = load_backbone("resnet10t", str(weights), 64)
    extract_list(backbone, [new], tmp_path / "loop", EngineOptions(shard_size=4, threads=1))
    extract_list(backbone, [new], tmp_path / "ray", EngineOptions("ray", workers=1, shard_size=4, threads=1))
    for name in ("avg.npy", "std.npy", "labels.npy", "meta.json"):
        assert digest_of_file(tmp_path / "loop" / name) == digest_of_file(tmp_path / "ray" / name)
    assert not list((tmp_path / "loop").glob("features-*"))
    found, direct = load_features(tmp_path / "loop"), extract(backbone, from_folder(new))
    assert_close_in_norm(found.avg, direct.avg, 1e-5)
    assert_close_in_norm(found.std, direct.std, 1e-5)
    np.testing.assert_array_equal(found.labels, direct.labels)
    assert found.class_names == ["x", "y"]
    assert len(found.skipped) == 2
    again = extract_list(
        backbone, [new], tmp_path / "loop", EngineOptions(shard_size=4, threads=1)
    )  # a second time there is nothing to do
    assert again.image_count == 23

    z = VIEWS["gmm-std"].rows(found)
    engine = RayEngine(workers=1, threads=1)
    together = compute_moments(tmp_path / "loop", "gmm-std", ["x", "y"], shard_size=6, engine=engine)
    direct_moments = Moments.from_rows(z, found.labels, 2)
    assert_close_in_norm(together.scatter, direct_moments.scatter, 1e-6)
    energy = GaussianMixture("empirical").fit_moments(together).energy(z)
    alone = GaussianMixture("empirical").fit_moments(direct_moments).energy(z)
    np.testing.assert_allclose(energy, alone, rtol=1e-4)
