"""The paper's detectors against an independent implementation: pytorch-ood where it has one, else the formula."""

import numpy as np
import pytest
import torch
from pytorch_ood import detector as rival
from scipy.special import softmax
from scipy.stats import spearmanr

from heat_core import HeatError, detectors
from heat_core.detectors import load, names, resolve
from heat_core.energies.settings import ResidualSettings
from heat_core.features.features import Features
from tests.heat_core.detectors.blobs import (
    BIAS,
    CLASSES,
    DIM,
    HEAD,
    LOGITS,
    RNG,
    TEST,
    TEST_Z,
    TRAIN,
    TRAIN_LOGITS,
    WEIGHT,
    Y,
    Z,
    features,
    linear,
    ours,
)
from tests.tolerance import assert_close_in_norm


def rankings_agree(a, b) -> None:
    assert spearmanr(np.asarray(a), np.asarray(b)).statistic > 1 - 1e-9


def test_msp_and_maxlogit_are_their_formulas():
    np.testing.assert_allclose(ours("msp"), -np.log(softmax(LOGITS, axis=1).max(1)), rtol=1e-4, atol=1e-9)
    np.testing.assert_allclose(ours("maxlogit"), -LOGITS.max(1), rtol=1e-5)
    np.testing.assert_allclose(ours("maxlogit"), rival.MaxLogit.score(torch.from_numpy(LOGITS)), rtol=1e-5)


def test_knn_is_pytorch_oods():
    expected = rival.KNN(None, k=7).fit_features(Z, Y).predict_features(TEST_Z)
    np.testing.assert_allclose(ours("knn", k=7), expected, atol=1e-5)


def test_mahalanobis_is_pytorch_oods():
    """Theirs is half the distance, with the scatter not divided by N."""
    expected = 2 * len(Z) * rival.Mahalanobis(None).fit_features(Z, Y).predict_features(TEST_Z)
    np.testing.assert_allclose(ours("mahalanobis", covariance="empirical"), expected, rtol=1e-3)
    rankings_agree(ours("mahalanobis"), expected)  # auto: 400 samples are enough for 24 dimensions


def test_vim_is_pytorch_oods():
    expected = rival.ViM(None, 9, WEIGHT, BIAS).fit_features(Z, Y).predict_features(TEST_Z)
    np.testing.assert_allclose(ours("vim", dim=9), expected, rtol=1e-3, atol=1e-3)
    assert load("vim")().fit_with_head(TRAIN, HEAD).energy_.dim_ == DIM // 2


def test_residual_is_the_norm_outside_the_principal_subspace():
    z, w = TRAIN.avg.astype(np.float64), HEAD[0]
    origin = -np.linalg.pinv(w) @ HEAD[1]
    vectors = np.linalg.svd(z - origin)[2]
    expected = np.linalg.norm((TEST.avg - origin) - (TEST.avg - origin) @ vectors[:9].T @ vectors[:9], axis=1)
    assert_close_in_norm(ours("residual", dim=9), expected, 1e-6)


def test_dice_is_pytorch_oods():
    expected = rival.DICE(None, WEIGHT, BIAS, p=0.7).fit_features(Z, Y).predict_features(TEST_Z)
    np.testing.assert_allclose(ours("dice", sparsity=0.7), expected, rtol=1e-4, atol=1e-4)


def test_react_is_pytorch_oods():
    clip = rival.ReAct(lambda x: x, linear(), percentile=0.9).fit_feature_maps(Z, Y)
    np.testing.assert_allclose(ours("react"), clip.predict_feature_maps(TEST_Z), rtol=1e-4, atol=1e-4)


def test_gradnorm_is_pytorch_oods():
    layer = linear().requires_grad_(True)
    expected = rival.GradNorm(layer, param_filter=lambda name: name == "weight").to("cpu").predict(TEST_Z)
    np.testing.assert_allclose(ours("gradnorm"), expected, rtol=1e-4)


def test_kl_matching_is_pytorch_oods():
    matching = rival.KLMatching(None).fit_logits(torch.from_numpy(TRAIN_LOGITS), Y)
    np.testing.assert_allclose(
        ours("kl-matching"), matching.predict_logits(torch.from_numpy(LOGITS)), rtol=1e-4, atol=1e-6
    )


def test_openmax_is_pytorch_oods():
    """Theirs knows no distance to a class that no sample of the batch is predicted as: here every class is."""
    logits = torch.from_numpy(TRAIN_LOGITS)
    assert len(logits.argmax(dim=1).unique()) == CLASSES
    expected = rival.OpenMax(None, tailsize=20, alpha=3).fit_logits(logits, Y).predict_logits(logits)
    np.testing.assert_allclose(
        load("openmax")(alpha=3).fit_with_head(TRAIN, HEAD).score_features(TRAIN), expected, atol=1e-5
    )


def test_el_is_pytorch_oods():
    from heat_core.energies.priors import EnergyLogits

    expected = rival.EnergyBased.score(torch.from_numpy(LOGITS))
    np.testing.assert_allclose(EnergyLogits(*HEAD).fit(TRAIN.avg).energy(TEST.avg), expected, rtol=1e-5)


@pytest.mark.parametrize(("name", "clusters"), [("ssd", 1), ("ssd", 3), ("ssd-plus", None)])
def test_ssd_is_its_formula(name, clusters):
    """A mean and a covariance per cluster, the smallest distance; normalised features."""
    train, test = (x.avg / np.linalg.norm(x.avg, axis=1, keepdims=True) for x in (features(2000), TEST))
    plain = Features(train, train, np.arange(len(train)) % CLASSES, [""] * len(train))
    parameters = {"covariance": "empirical"} | ({"clusters": clusters} if clusters else {})
    method = load(name)(**parameters)
    scores = method.fit_features(plain).score_features(TEST)
    assigned = method.assign_clusters(plain.avg, plain)
    expected = []
    for cluster in np.unique(assigned):
        z = train[assigned == cluster].astype(np.float64)
        inverse = np.linalg.pinv(np.cov(z.T, bias=True))
        expected.append([(t - z.mean(0)) @ inverse @ (t - z.mean(0)) for t in test.astype(np.float64)])
    np.testing.assert_allclose(scores, np.min(expected, axis=0), rtol=1e-3)


def test_ssd_shares_its_covariance_where_clusters_are_small():
    assert len(load("ssd-plus")().fit_with_head(TRAIN, HEAD).mixtures_) == 1
    assert len(load("ssd-plus")().fit_with_head(features(2000), HEAD).mixtures_) == CLASSES


def test_ensemble_is_the_mean_softmax_of_its_heads():
    method = load("ensemble")(members=3).fit_with_head(TRAIN, HEAD)
    mean = sum(softmax(TEST.avg @ w.T + b, axis=1) for w, b in method.heads_) / 3
    np.testing.assert_allclose(method.score_features(TEST), -mean.max(axis=1), rtol=1e-9)
    assert not np.allclose(method.heads_[0][0], method.heads_[1][0])


def test_the_data_driven_energy_learns_without_a_prior():
    settings = ResidualSettings(width=64, learning_rate=3e-3, epochs=5, updates=150, batch_size=128)
    method = load("ebm")(settings).fit_with_head(TRAIN, HEAD)
    shuffled = RNG.permuted(TRAIN.avg, axis=0)  # every dimension as it was, but no longer together
    far = Features(shuffled, shuffled, None, TRAIN.ids)
    assert np.mean(method.score_features(far)) > np.percentile(method.score_features(TRAIN), 75)


def test_k_beyond_the_training_set_gives_a_sentence():
    with pytest.raises(HeatError, match="k = 500 exceeds the 400"):
        load("knn")(k=500).fit_with_head(TRAIN, HEAD)
    assert load("knn")().fit_with_head(features(3), HEAD).k_ == 3


@pytest.mark.parametrize(
    ("name", "parameters", "sentence"),
    [
        ("vim", {"dim": 24}, "dimension 24"),
        ("dice", {"sparsity": 1.0}, "sparsity"),
        ("react", {"percentile": 120}, "between"),
        ("openmax", {"tail": 1}, "tail"),
        ("ensemble", {"members": 0}, "at least one"),
    ],
)
def test_impossible_parameters_give_a_sentence(name, parameters, sentence):
    with pytest.raises(HeatError, match=sentence):
        load(name)(**parameters).fit_with_head(TRAIN, HEAD)


def test_parameters_change_the_scores():
    """A hyper-parameter that silently does nothing would pass every other test."""
    for name, parameters in {
        "knn": {"k": 9},
        "ssd": {"clusters": 5},
        "mahalanobis": {"covariance": "ledoit-wolf"},
        "vim": {"dim": 3},
        "residual": {"dim": 3},
        "dice": {"sparsity": 0.3},
        "react": {"percentile": 50.0},
        "openmax": {"tail": 40},
        "ensemble": {"members": 2},
    }.items():
        assert not np.allclose(ours(name), ours(name, **parameters)), name
    assert not np.allclose(ours("openmax"), ours("openmax", alpha=1))


def test_the_registry_is_the_folder():
    assert {"knn", "kl-matching", "ssd-plus", "gram"} <= set(names())
    assert resolve(["all"]) == names()
    assert resolve(["vim", "knn", "vim"]) == ["vim", "knn"]
    assert set(detectors.BASIC) <= set(names())
    for name in names():
        kind = load(name)
        assert kind.title
        assert any(archive in kind.source for archive in ("arXiv", "CVF", "OpenReview")) or name == "ebm"
        assert kind.__doc__.startswith("Score: ")
        assert kind.evidence in ("logits", "features", "both", "gradients")
    with pytest.raises(HeatError, match="choose among all"):
        resolve(["oracle"])


def test_published_values_wait_for_the_whole_set():
    """Sun et al.'s k = 50 is for 50,000 training images."""
    from heat_core import Experiment
    from heat_core.detectors import Context
    from heat_core.energies.settings import settings_for

    def context(source: str) -> Context:
        id_set = Experiment(id=source, ood={"a": "b"}).id_set
        return Context(id_set, settings_for("gmm", "quick"), seed=0, backbone=None)

    method = load("knn").for_run(context("data/cifar10/train"))
    assert method.k_of == (50, 50_000)
    assert method.fit_features(TRAIN).k_ == 5
    assert load("dice").for_run(context("imagenet/train")).sparsity == 0.7
