"""The methods that are not in the paper, against pytorch-ood where it has the method, else their formula in float64."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from pytorch_ood import detector as rival
from scipy.linalg import null_space
from scipy.special import logsumexp, softmax

from heat_core import HeatError
from heat_core.detectors import Context, load
from heat_core.energies.settings import settings_for
from heat_core.features.features import Features
from tests.heat_core.detectors.blobs import (
    CLASSES,
    DIM,
    HEAD,
    LOGITS,
    TEST,
    TEST_Z,
    TRAIN,
    TRAIN_LOGITS,
    Y,
    Z,
    linear,
    ours,
)
from tests.tolerance import assert_close_in_norm

KNOWN, NEW = TRAIN.avg.astype(np.float64), TEST.avg.astype(np.float64)
PREDICTED = LOGITS.argmax(axis=1)


def normalised(z: np.ndarray) -> np.ndarray:
    return z / np.linalg.norm(z, axis=1, keepdims=True)


def shaped_logits(maps: torch.Tensor) -> torch.Tensor:
    return linear()(maps.flatten(1))


def nearest_class(known: np.ndarray, new: np.ndarray) -> np.ndarray:
    """min_c of the squared Mahalanobis distance, one empirical covariance."""
    means = np.stack([known[TRAIN.labels == c].mean(axis=0) for c in range(CLASSES)])
    around = known - means[TRAIN.labels]
    return of_means(means, np.linalg.inv(around.T @ around / len(known)), new)


def background(known: np.ndarray, new: np.ndarray) -> np.ndarray:
    around = known - known.mean(axis=0)
    return of_means(known.mean(axis=0)[None], np.linalg.inv(around.T @ around / len(known)), new)


def of_means(means: np.ndarray, precision: np.ndarray, new: np.ndarray) -> np.ndarray:
    return np.min([[(z - m) @ precision @ (z - m) for m in means] for z in new], axis=1)


# ---- distances -------------------------------------------------------------------------------------------------------


def test_mds_plus_plus_is_its_formula_on_normalised_features():
    expected = nearest_class(normalised(KNOWN), normalised(NEW))
    np.testing.assert_allclose(ours("mds-plus-plus", covariance="empirical"), expected, rtol=1e-3)
    assert not np.allclose(ours("mds-plus-plus"), ours("mahalanobis"), rtol=0.1)


def test_rmds_is_pytorch_oods():
    """Theirs takes the scatter, which is not divided by N."""
    expected = len(Z) * rival.RMD(None).fit_features(Z, Y).predict_features(TEST_Z)
    np.testing.assert_allclose(ours("rmds", covariance="empirical"), expected, rtol=1e-3, atol=1e-3)
    literal = nearest_class(KNOWN, NEW) - background(KNOWN, NEW)
    np.testing.assert_allclose(ours("rmds", covariance="empirical"), literal, rtol=1e-4, atol=1e-3)


def test_rmds_plus_plus_is_its_formula_on_normalised_features():
    known, new = normalised(KNOWN), normalised(NEW)
    expected = nearest_class(known, new) - background(known, new)
    np.testing.assert_allclose(ours("rmds-plus-plus", covariance="empirical"), expected, rtol=1e-3, atol=2e-3)


def test_rmds_of_few_samples_finds_what_is_far_unusual():
    """Were each covariance shrunk for itself, what is far in all directions would be the most usual of all."""
    rng = np.random.default_rng(0)
    labels, spread = np.arange(200) % 5, np.geomspace(3, 0.03, 120)
    centres = np.pad(4 * rng.normal(size=(5, 4)), ((0, 0), (0, 116)))

    def sampled(scale: float) -> Features:
        z = (20 + centres[labels] + scale * spread * rng.normal(size=(200, 120))).astype(np.float32)
        return Features(z, None, labels, [""] * 200)

    for name in ("rmds", "rmds-plus-plus"):
        method = load(name)().fit_with_head(sampled(1.0), HEAD)
        assert method.mixture_.covariance_used_ == "ledoit-wolf"
        known, far = method.score_features(sampled(1.0)), method.score_features(sampled(3.0))
        assert np.median(far) > np.median(known)


# ---- shaped activations ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("percentile", [65, 90])
def test_ash_s_is_pytorch_oods(percentile):
    theirs = rival.ASH(None, shaped_logits, percentile=percentile / 100)
    expected = theirs.predict_feature_maps(TEST_Z[:, :, None, None])
    np.testing.assert_allclose(ours("ash-s", percentile=percentile), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("percentile", [65, 85])
def test_scale_is_pytorch_oods(percentile):
    theirs = rival.SCALE(None, shaped_logits, percentile=percentile / 100)
    expected = theirs.predict_feature_maps(TEST_Z[:, :, None, None])
    np.testing.assert_allclose(ours("scale", percentile=percentile), expected, rtol=1e-5, atol=1e-4)


def test_the_percentiles_are_the_published_ones():
    assert load("ash-s").for_run(context("cifar10")).percentile == 95
    assert load("ash-s").for_run(context("imagenet")).percentile == 90
    assert load("scale").for_run(context("cifar10")).percentile == 85


def context(id_set: str) -> Context:
    return Context(id_set, settings_for("gmm", "quick"), seed=0, backbone=None)


# ---- logits ----------------------------------------------------------------------------------------------------------


def test_gen_is_its_formula_and_pytorch_oods():
    """Theirs is the mean of the terms, of probabilities that are cut at 1e-7: here none is so small."""
    soft = HEAD[0] / 20, HEAD[1] / 20
    scores = load("gen")().fit_with_head(TRAIN, soft).score_features(TEST)
    p = np.sort(softmax(LOGITS / 20, axis=1), axis=1)
    np.testing.assert_allclose(scores, (p**0.1 * (1 - p) ** 0.1).sum(axis=1), rtol=1e-6)
    theirs = rival.GEN(None).predict_logits(torch.from_numpy(LOGITS / 20))
    np.testing.assert_allclose(scores, CLASSES * theirs, rtol=1e-5)
    of_two = load("gen")(largest=2).fit_with_head(TRAIN, soft).score_features(TEST)
    np.testing.assert_allclose(of_two, (p[:, -2:] ** 0.1 * (1 - p[:, -2:]) ** 0.1).sum(axis=1), rtol=1e-6)


@pytest.mark.parametrize("gap", [1.0, 30.0, 1000.0])
def test_gen_keeps_every_digit_of_a_sure_prediction(gap):
    """Of two classes p(1 - p) is e^-gap / (1 + e^-gap)², also where 1 - p is less than float64 can hold beside 1."""
    head = np.array([[1.0, 0.0], [0.0, 0.0]]), np.zeros(2)
    z = np.array([[gap, 0.0]])
    score = load("gen")().fit_with_head(TRAIN, head).score_features(Features(z, z, None, ["x"]))
    np.testing.assert_allclose(score, 2 * np.exp(0.1 * (-gap - 2 * np.log1p(np.exp(-gap)))), rtol=1e-9)


# ---- features with the head's help -----------------------------------------------------------------------------------


def test_fdbd_is_pytorch_oods():
    expected = rival.fDBD(None, linear()).fit_features(Z).predict_features(TEST_Z)
    np.testing.assert_allclose(ours("fdbd"), expected, rtol=1e-5)


def test_fdbd_takes_two_classes_of_one_weight_for_no_boundary():
    doubled = np.vstack([HEAD[0], HEAD[0][2]]), np.append(HEAD[1], HEAD[1][2])
    scores = load("fdbd")().fit_with_head(TRAIN, doubled).score_features(TEST)
    other = PREDICTED != 2  # class 2 has one boundary more for each of them, and itself as before
    assert_close_in_norm(scores[~other], ours("fdbd")[~other] * (CLASSES - 1) / CLASSES, 1e-6)
    assert (scores[other] != ours("fdbd")[other]).all()
    with pytest.raises(HeatError, match="one class has none"):
        load("fdbd")().fit_with_head(TRAIN, (HEAD[0][:1], HEAD[1][:1]))


@pytest.mark.parametrize("alpha", [1e-4, 0.1])
def test_nci_is_pytorch_oods(alpha):
    expected = rival.NCI(None, linear(), alpha).fit_features(Z).predict_features(TEST_Z)
    np.testing.assert_allclose(ours("nci", alpha=alpha), expected, rtol=1e-5)
    assert load("nci")().alpha == 1e-4


def test_nnguide_is_pytorch_oods():
    expected = rival.NNGuide(None, linear(), 7).fit_features(Z, Y).predict_features(TEST_Z)
    np.testing.assert_allclose(ours("nnguide", k=7), expected, rtol=1e-5)
    assert load("nnguide")().k == 10


def test_nnguides_bank_is_a_share_of_every_class():
    bank = TRAIN.subsample(0.1)
    assert np.bincount(bank.labels).tolist() == [10] * CLASSES
    np.testing.assert_array_equal(
        ours("nnguide", share=0.1), load("nnguide")().fit_with_head(bank, HEAD).score_features(TEST)
    )
    assert load("nnguide").for_run(context("imagenet")).share == 0.01
    assert load("nnguide").for_run(context("cifar10")).share == 1


def test_nnguide_takes_all_of_a_bank_that_is_smaller_than_k():
    few = TRAIN.subset(np.arange(4))
    bank = normalised(few.avg.astype(np.float64)) * logsumexp(TRAIN_LOGITS[:4], axis=1)[:, None]
    expected = -logsumexp(LOGITS, axis=1) * (normalised(NEW) @ bank.T).mean(axis=1)
    np.testing.assert_allclose(load("nnguide")().fit_with_head(few, HEAD).score_features(TEST), expected, rtol=1e-5)


def test_she_is_pytorch_oods():
    expected = rival.SHE(None, linear()).fit_features(Z, Y).predict_features(TEST_Z)
    np.testing.assert_allclose(ours("she"), expected, rtol=1e-5)
    of_all = np.stack([KNOWN[TRAIN.labels == c].mean(axis=0) for c in range(CLASSES)])
    assert not np.allclose(ours("she"), -np.einsum("nd,nd->n", NEW, of_all[PREDICTED]), rtol=1e-5)


def test_she_stores_all_of_a_class_of_which_none_is_right():
    swapped = replace(TRAIN, labels=np.array([0, 1, 3, 2])[TRAIN.labels])
    swapped = swapped.subset(np.flatnonzero(TRAIN_LOGITS.argmax(axis=1) == TRAIN.labels))
    means = np.stack([swapped.avg[swapped.labels == c].astype(np.float64).mean(axis=0) for c in range(CLASSES)])
    expected = -np.einsum("nd,nd->n", NEW, means[PREDICTED])
    assert_close_in_norm(load("she")().fit_with_head(swapped, HEAD).score_features(TEST), expected, 1e-6)


def test_core_is_its_formula():
    outside = null_space(HEAD[0])
    assert outside.shape == (DIM, DIM - CLASSES + 1)  # the rows of this head sum to nothing
    means = np.stack([(KNOWN @ outside)[TRAIN.labels == c].mean(axis=0) for c in range(CLASSES)])

    def parts(z: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        cosines = [
            r @ m / np.linalg.norm(r) / np.linalg.norm(m)
            for r, m in zip(z @ outside, means[logits.argmax(axis=1)], strict=True)
        ]
        return -logsumexp(logits, axis=1), np.array(cosines)

    (energy, cosine), known = parts(NEW, LOGITS), parts(KNOWN, TRAIN_LOGITS)
    expected = (energy - known[0].mean()) / known[0].std() - (cosine - known[1].mean()) / known[1].std()
    np.testing.assert_allclose(ours("core"), expected, rtol=1e-4, atol=1e-5)


def test_core_cannot_be_had_where_the_head_reads_everything():
    head = np.random.default_rng(0).normal(size=(DIM, DIM)), np.zeros(DIM)
    every = replace(TRAIN, labels=np.arange(len(TRAIN)) % DIM)
    with pytest.raises(HeatError, match="head of 24 classes reads every direction of the 24 features"):
        load("core")().fit_with_head(every, head)


# ---- parameters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("ash-s", {"percentile": 70}),
        ("scale", {"percentile": 70}),
        ("gen", {"gamma": 0.5}),
        ("gen", {"largest": 2}),
        ("nci", {"alpha": 0.01}),
        ("nnguide", {"k": 3}),
        ("nnguide", {"share": 0.2}),
        ("mds-plus-plus", {"covariance": "ledoit-wolf"}),
        ("rmds", {"covariance": "ledoit-wolf"}),
    ],
)
def test_parameters_change_the_scores(name, parameters):
    assert not np.allclose(ours(name), ours(name, **parameters), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "parameters", "sentence"),
    [
        ("ash-s", {"percentile": 100}, "percentile of ASH-S"),
        ("scale", {"percentile": -1}, "percentile of SCALE"),
        ("gen", {"gamma": 0}, "γ above 0"),
        ("gen", {"largest": 0}, "at least one"),
        ("nci", {"alpha": -1}, "α of NCI"),
        ("nci", {"alpha": np.inf}, "α of NCI"),
        ("nnguide", {"k": 0}, "needs a neighbour"),
        ("nnguide", {"share": 0}, "share above 0"),
    ],
)
def test_impossible_parameters_give_a_sentence(name, parameters, sentence):
    with pytest.raises(HeatError, match=sentence):
        load(name)(**parameters).fit_with_head(TRAIN, HEAD)
