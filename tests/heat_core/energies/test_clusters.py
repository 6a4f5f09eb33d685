"""ID sets without classes: clusters stand for them, what asks a classifier is left out, and both are said."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from heat_core import Experiment, HeatError, Run, run
from heat_core.energies.clusters import CLUSTERS_FILE, attach_clusters, default_cluster_count, find_clusters
from heat_core.energies.priors import GaussianMixture
from heat_core.energies.views import VIEWS
from heat_core.features.features import Features
from heat_core.pipeline.experiment_sets import inspect_sets
from heat_core.pipeline.positions import positions_of
from heat_core.pipeline.scoring import score
from tests.conftest import make_folder, save_network

SETTINGS = {"width": 8, "updates": 1, "epochs": 1, "langevin_steps": 1}


def blobs(sizes=(30, 50, 40), dim=12) -> tuple[Features, np.ndarray]:
    """Features around orthogonal directions, in a random order, and which direction each has."""
    rng = np.random.default_rng(0)
    which = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    avg = 5 * np.eye(len(sizes), dim)[which] + 0.2 * rng.normal(size=(len(which), dim))
    avg *= rng.uniform(0.5, 3, (len(which), 1))  # lengths say nothing
    return Features(avg.astype(np.float32), None, None, [f"i{i}" for i in range(len(which))]), which


# ---- the clusters themselves -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("images", "clusters"), [(4, 2), (59, 2), (60, 3), (199, 9), (200, 10), (10**6, 10)])
def test_how_many_there_are_follows_from_the_images_alone(images, clusters):
    assert default_cluster_count(images) == clusters


def test_they_are_found_and_numbered_by_their_size(tmp_path):
    features, which = blobs()
    found = find_clusters(tmp_path, features, 3, seed=0)
    assert found.class_names == ["cluster 1", "cluster 2", "cluster 3"]
    np.testing.assert_array_equal(found.labels, np.array([2, 0, 1])[which])
    assert found.avg is features.avg


def test_they_stay_those_of_the_run(tmp_path):
    features, _ = blobs()
    found = find_clusters(tmp_path, features, 3, seed=0)
    for again in (find_clusters(tmp_path, features, 7, seed=1), attach_clusters(tmp_path, features)):
        np.testing.assert_array_equal(again.labels, found.labels)
        assert again.class_names == found.class_names
    assert attach_clusters(tmp_path / "elsewhere", features).labels is None


def test_images_beyond_the_fit_go_to_the_nearest_centre(tmp_path):
    """Of many images, those that k-means does not see go to the nearest centre."""
    features, which = blobs()
    found = find_clusters(tmp_path, features, 3, 0, max_fitted=20)
    np.testing.assert_array_equal(found.labels, np.array([2, 0, 1])[which])


def test_one_thread_or_two(tmp_path):
    rng = np.random.default_rng(1)
    features = Features(rng.normal(size=(500, 16)).astype(np.float32), None, None, [str(i) for i in range(500)])
    threads, found = torch.get_num_threads(), []
    for count in (1, 2):
        torch.set_num_threads(count)
        found.append(find_clusters(tmp_path / str(count), features, 5, 0).labels)
    torch.set_num_threads(threads)
    np.testing.assert_array_equal(*found)


def test_what_makes_no_clusters(tmp_path):
    features, _ = blobs((2, 2))
    with pytest.raises(HeatError, match="4 training images cannot make 5 clusters"):
        find_clusters(tmp_path, features, 5, 0)
    alike = Features(np.ones((9, 4), np.float32), None, None, [str(i) for i in range(9)])
    with pytest.raises(HeatError, match="all the same features"):
        find_clusters(tmp_path, alike, 3, 0)
    assert not list(tmp_path.iterdir())


def test_clusters_of_other_images_are_refused(tmp_path):
    features, _ = blobs()
    find_clusters(tmp_path, features, 3, 0)
    with pytest.raises(HeatError, match="does not hold the clusters of these training images"):
        attach_clusters(tmp_path, features.subset(np.arange(5)))
    content = bytearray((tmp_path / CLUSTERS_FILE).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / CLUSTERS_FILE).write_bytes(content)
    with pytest.raises(HeatError, match="damaged"):
        attach_clusters(tmp_path, features)


# ---- runs ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two folders of files without sub-folders, and a network."""
    home = tmp_path_factory.mktemp("flat")
    make_folder(home / "known", {"": 60})
    make_folder(home / "other", {"": 12})
    save_network(home, "resnet10t")
    return home


def asked(folder, **more) -> Experiment:
    usual = {
        "id": str(folder / "known"),
        "ood": {"other": str(folder / "other")},
        "backbone": "resnet10t",
        "weights": str(folder / "resnet10t.safetensors"),
        "image_size": 64,
        "priors": ["gmm", "el", "knn"],
        "detectors": ["msp", "odin", "gradnorm", "knn", "mahalanobis", "ssd", "mds", "gram"],
        "settings": SETTINGS,
        "map": False,
    }
    return Experiment(**usual | more)


@pytest.fixture(scope="module")
def done(folder) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(folder / "home"))
        return run(asked(folder))


@pytest.fixture
def at_home(folder, monkeypatch):
    monkeypatch.setenv("HEAT_HOME", str(folder / "home"))


@pytest.mark.usefixtures("at_home")
def test_what_needs_a_classifier_is_left_out(done):
    """What needs a classifier is left out, and the rest is there."""
    assert set(done.left_out) == {"msp", "odin", "gradnorm", "gram", "el"}
    assert done.left_out["el"] == "el is left out: it needs a classifier, and the ID set has no classes."
    assert {"knn", "mahalanobis", "ssd", "mds", "gmm", "gmm-std", "heat-gmm", "heat-knn", "heat"} <= set(done.metrics())
    assert done.priors == ["gmm", "knn"]
    assert done.record.notes[0].startswith("The training set has no classes: clusters of its features stand for them")


@pytest.mark.usefixtures("at_home")
def test_an_image_is_taken_for_a_cluster(done):
    assert done.class_names == ["cluster 1", "cluster 2"]  # 48 training images
    assert done.accuracy is None
    assert done.labels("id") is None
    assert not done.has_classes
    for name in ("id", "other"):
        assert set(done.predicted(name)) <= {0, 1}
        assert (done.confidence(name) >= 0.5).all()
    train = done.features("train")
    logits = np.asarray(train.avg, np.float64) @ done.head[0].T + done.head[1]
    assert (logits.argmax(axis=1) == train.labels).mean() > 0.9


@pytest.mark.usefixtures("at_home")
def test_the_mixture_is_that_of_the_clusters(done):
    train, other = done.features("train"), done.features("other")
    prior = GaussianMixture("ledoit-wolf").fit(VIEWS["gmm"].array(train).astype(np.float64), train.labels)
    expected = prior.energy(VIEWS["gmm"].array(other).astype(np.float64))
    np.testing.assert_allclose(done.detector_scores("other", "gmm"), expected, rtol=1e-4)


@pytest.mark.usefixtures("at_home")
def test_it_is_resumed_scored_with_and_taken_apart(done, folder):
    before = done.scores("other")
    (done.folder / "energies.npz").unlink()
    again = run(done.experiment, done.folder)
    np.testing.assert_array_equal(again.scores("other"), before)
    found = score(again, [folder / "other"])
    np.testing.assert_allclose(found.scores(again.scale), before, rtol=1e-4, atol=1e-5)
    assert positions_of(again, f"other/{again.ids('other')[0]}").class_name in again.class_names


@pytest.mark.usefixtures("at_home")
def test_the_command_line_says_it_and_shows_dashes(done):
    words = [sys.executable, "-m", "heat_core", "show", str(done.folder), "--json"]
    said = subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()
    assert ["el", "–", "–"] in [line.split() for line in said]
    assert sum(line.startswith("The training set has no classes") for line in said) == 1
    assert json.loads(said[-1])["metrics"]["el"]["other"] == dict.fromkeys(("fpr95", "auroc", "aupr_in", "aupr_out"))


def test_a_number_of_clusters_is_kept(folder):
    e = asked(folder, clusters=5, detectors=[], priors=["gmm"])
    assert "--clusters 5" in e.to_command()
    assert Experiment.from_dict(e.to_dict()).clusters == 5
    assert "clusters" not in asked(folder).to_dict()
    assert len(run(e).class_names) == 5


def test_a_test_set_with_classes_has_no_accuracy(folder, image_folder, tmp_path):
    test = image_folder(tmp_path / "test", {"cat": 4, "dog": 4})
    e = asked(folder, id_test=str(test), detectors=[], priors=["gmm"])
    assert [doubt[:32] for doubt in inspect_sets(e).warnings] == ["The training set has no classes:"]
    assert run(e).accuracy is None


def test_a_list_without_labels(folder, tmp_path):
    files = sorted((folder / "known").iterdir())
    (tmp_path / "known.csv").write_text("path\n" + "\n".join(map(str, files)) + "\n")
    e = asked(folder, id=str(tmp_path / "known.csv"), detectors=[], priors=["gmm"])
    assert inspect_sets(e).classes == ()
    assert run(e).class_names == ["cluster 1", "cluster 2"]


def test_features_without_labels(tmp_path):
    rng = np.random.default_rng(0)
    for name, shift in (("known", 0), ("other", 3)):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "avg.npy", (rng.normal(size=(80, 6)) + shift).astype(np.float32))
    e = Experiment(str(tmp_path / "known"), {"other": str(tmp_path / "other")}, backbone="features", priors=["gmm"])
    e.settings, e.detectors, e.map = SETTINGS, [], False
    assert inspect_sets(e).warnings[0].startswith("The training set has no classes")
    made = run(e)
    assert made.class_names == ["cluster 1", "cluster 2", "cluster 3"]
    assert made.record.notes[0].startswith("The training set has no classes")


def test_a_second_encoder_sees_the_clusters_of_the_first(folder):
    made = run(asked(folder, second_backbone="heat-demo-resnet", priors=["gmm", "gmm@b"], detectors=["mds", "knn"]))
    assert made.priors == ["gmm", "gmm@b"]
    assert {"mds", "knn", "heat"} <= set(made.metrics())


def test_only_priors_of_a_classifier_leave_nothing(folder):
    with pytest.raises(HeatError, match="el is left out: it needs a classifier, and the ID set has no classes"):
        run(asked(folder, priors=["el"], detectors=[]))


@pytest.mark.usefixtures("at_home")
def test_clusters_are_for_sets_without_classes(folder, image_folder, tmp_path):
    known = image_folder(tmp_path / "known", {"a": 5, "b": 5})
    with pytest.raises(HeatError, match="clusters stand for the classes of an ID set without any, and this one has"):
        inspect_sets(asked(folder, id=str(known), clusters=3))
