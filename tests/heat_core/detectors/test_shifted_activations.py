"""RAS and AdaSCALE against their formulas, image by image in float64."""

import copy

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import rankdata

from heat_core import HeatError
from heat_core.detectors import Context, load
from heat_core.energies.settings import settings_for
from heat_core.features.columns import Batch
from heat_core.features.features import Features
from tests.heat_core.detectors.blobs import HEAD, TEST, TRAIN, ours
from tests.tolerance import assert_close_in_norm

KNOWN, NEW = TRAIN.avg.astype(np.float64), TEST.avg.astype(np.float64)


# ---- RAS -------------------------------------------------------------------------------------------------------------


def ras_energies(known: np.ndarray, new: np.ndarray) -> list[float]:
    profile = np.mean([sorted(z) for z in known], axis=0)
    shifted = [profile[rankdata(z, method="ordinal") - 1] for z in new]
    return [-np.log(np.exp(HEAD[0] @ z + HEAD[1]).sum()) for z in shifted]


def test_ras_is_its_formula():
    assert (TEST.avg == 0).sum(axis=1).max() > 1  # some images have equal activations
    np.testing.assert_allclose(ours("ras"), ras_energies(KNOWN, NEW), rtol=1e-5)


def test_ras_is_its_formula_on_features_below_zero():
    below = [Features(f.avg - 2, None, f.labels, f.ids) for f in (TRAIN, TEST)]
    scores = load("ras")().fit_with_head(below[0], HEAD).score_features(below[1])
    np.testing.assert_allclose(scores, ras_energies(KNOWN - 2, NEW - 2), rtol=1e-5)


def test_ras_reads_the_order_of_the_activations_alone():
    bent = Features(np.exp(TEST.avg), None, TEST.labels, TEST.ids)
    assert_close_in_norm(load("ras")().fit_with_head(TRAIN, HEAD).score_features(bent), ours("ras"), 1e-6)
    assert not np.allclose(ours("ras"), -logsumexp(NEW @ HEAD[0].T + HEAD[1], axis=1), rtol=1e-3)


# ---- AdaSCALE --------------------------------------------------------------------------------------------------------


def q_of(network, image: torch.Tensor, epsilon: float) -> float:
    """Q of one image, by the whole network in float64."""
    inputs = []
    hook = network.get_classifier().register_forward_pre_hook(lambda _, args: inputs.append(args[0][0]))
    x = image[None].double().requires_grad_()
    network(x)[0].max().backward()
    order = np.argsort(x.grad.abs().flatten().numpy(), kind="stable")[: int(0.05 * x.numel())]
    step = np.zeros(x.numel())
    step[order] = epsilon * np.sign(x.grad.flatten().numpy()[order])
    with torch.no_grad():
        network(x + torch.from_numpy(step).view_as(x))
    hook.remove()
    z, moved = (value.detach().numpy() for value in inputs)
    largest = sorted(range(len(z)), key=lambda d: -z[d])
    shift = sum(abs(moved[d] - z[d]) for d in largest[: max(len(z) // 100, 1)])
    return 10 * shift + sum(max(moved[d], 0) for d in largest[: max(len(z) * 5 // 100, 1)])


@pytest.mark.parametrize("epsilon", [0.5, 2.0])
def test_the_shift_of_adascale_is_its_formula(backbone, pixels, epsilon):
    pixels = pixels[:6]
    method = load("adascale-a")(epsilon=epsilon).with_head(backbone.head)
    (column,) = method.fit_columns(backbone)
    shifts = column.compute(Batch(backbone, pixels.clone(), gradients=True))
    network = copy.deepcopy(backbone.model).double()
    expected = [q_of(network, image, epsilon) for image in pixels]
    np.testing.assert_allclose(shifts[:, 0], expected, rtol=1e-3)
    still = load("adascale-a")(epsilon=1e-9).with_head(backbone.head)
    unmoved = still.shifts(Batch(backbone, pixels.clone(), gradients=True))
    assert (abs(shifts - unmoved) > 0.01 * shifts).all()


def with_shifts(features: Features, method, q: np.ndarray) -> Features:
    (column,) = method.fit_columns(None)
    return Features(features.avg, None, features.labels, features.ids, extra={column.name: q[:, None]})


def adascale_score(z: np.ndarray, percentile: float, scaled_logits) -> float:
    rectified = sorted(np.maximum(z, 0), reverse=True)
    top = rectified[: len(z) - round(len(z) * percentile / 100)]
    return -np.log(np.exp(scaled_logits(z, sum(rectified) / sum(top))).sum())


@pytest.mark.parametrize("name", ["adascale-a", "adascale-l"])
def test_adascale_is_its_formula(name):
    weight, bias = HEAD[0] / 20, HEAD[1] / 20  # so that the exponentials of the literal formula do not overflow

    def scaled_logits(z: np.ndarray, r: float) -> np.ndarray:
        return weight @ (np.exp(r) * z) + bias if name == "adascale-a" else (weight @ z + bias) * r**2

    rng = np.random.default_rng(0)
    known_q, q = rng.gamma(3, size=len(TRAIN)), rng.gamma(3, size=len(TEST))
    method = load(name)(percentiles=(60, 90)).with_head((weight, bias))
    train, test = (
        with_shifts(Features(f.avg - 1, None, f.labels, f.ids), method, values)
        for f, values in ((TRAIN, known_q), (TEST, q))
    )
    percentiles = [60 + 30 * (1 - np.mean(known_q <= value)) for value in q]
    assert max(percentiles) - min(percentiles) > 20
    expected = [adascale_score(z, p, scaled_logits) for z, p in zip(NEW - 1, percentiles, strict=True)]
    scores = method.fit_with_head(train, (weight, bias)).score_features(test)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["adascale-a", "adascale-l"])
def test_adascale_scales_nothing_where_nothing_is_active(name):
    method, q = load(name)().with_head(HEAD), np.ones(len(TEST))
    inactive = Features(-1 - TEST.avg, None, TEST.labels, TEST.ids)
    scores = method.fit_with_head(with_shifts(TEST, method, q), HEAD).score_features(with_shifts(inactive, method, q))
    np.testing.assert_allclose(scores, -logsumexp((-1 - NEW) @ HEAD[0].T + HEAD[1], axis=1), rtol=1e-5)


def test_adascale_has_the_published_values():
    def context(id_set: str) -> Context:
        return Context(id_set, settings_for("gmm", "quick"), seed=0, backbone=None)

    assert load("adascale-a").for_run(context("cifar10")).percentiles == (75, 85)
    assert load("adascale-l").for_run(context("imagenet")).percentiles == (80, 85)
    for wrong, sentence in (({"percentiles": (85, 75)}, "must ascend"), ({"pixels": 0}, "percentages above 0")):
        with pytest.raises(HeatError, match=sentence):
            load("adascale-l")(**wrong)
