"""CombOOD and the column that it reads, against plain formulas in float64."""

import numpy as np
import pytest
import torch
from scipy.stats import yeojohnson

from heat_core import HeatError
from heat_core.backbones.registry import DEMO, Backbone, load_backbone
from heat_core.data.datasets import open_dataset
from heat_core.detectors import load
from heat_core.features.columns import EXTREMES, Batch
from heat_core.features.features import Features
from tests.heat_core.detectors.blobs import HEAD, LOGITS, TEST, TRAIN, TRAIN_LOGITS


@pytest.fixture(scope="module")
def backbone():
    return load_backbone(DEMO)


def test_extremes_are_those_of_every_activations_input(backbone):
    """The demo's network, walked through layer by layer."""
    network, inputs = backbone.model, []
    images = open_dataset("demo-digits", "test")
    pixels = torch.stack([backbone.transform(images.open(i)) for i in range(4)])

    def activated(x: torch.Tensor) -> torch.Tensor:
        inputs.append(x)
        return x.clamp(min=0)

    with torch.no_grad():
        x = network.maxpool(activated(network.bn1(network.conv1(pixels))))
        for block in (*network.layer1, *network.layer2, *network.layer3, *network.layer4):
            inner = activated(block.bn1(block.conv1(x)))
            x = activated(block.bn2(block.conv2(inner)) + (block.downsample(x) if block.downsample else x))
    expected = [extreme(x.flatten(1), dim=1) for x in inputs for extreme in (torch.amin, torch.amax)]
    assert len(expected) > 10
    ours = EXTREMES.compute(Batch(backbone, pixels.clone()))
    torch.testing.assert_close(ours, torch.stack(expected, dim=1), rtol=1e-4, atol=1e-5)


def test_a_network_without_activation_modules_has_no_extremes():
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 5), torch.nn.Linear(5, 3))
    plain = Backbone.wrap(module, None, head="2", name="plain", input_shape=(3, 4, 4))
    with pytest.raises(HeatError, match="CombOOD reads the inputs of activation modules"):
        load("combood").train_columns(plain)


def with_extremes(features: Features, extremes: np.ndarray) -> Features:
    return Features(features.avg, None, features.labels, features.ids, extra={"extremes": extremes})


@pytest.mark.parametrize("k", [50, 7])
def test_combood_is_its_formula(k):
    rng = np.random.default_rng(0)
    mixed = rng.normal(size=(4, 4))
    known_v, v = (np.exp(rng.normal(size=(n, 4)) @ mixed / 2) for n in (len(TRAIN), len(TEST)))
    method = load("combood")(**({} if k == 50 else {"k": k})).fit_with_head(with_extremes(TRAIN, known_v), HEAD)
    scores = method.score_features(with_extremes(TEST, v))

    known_v, v = (
        np.column_stack([values, logits.min(axis=1), logits.max(axis=1)])
        for values, logits in ((known_v, TRAIN_LOGITS), (v, LOGITS))
    )
    columns = []
    for known, new in zip(known_v.T, v.T, strict=True):
        bent, power = yeojohnson((known - known.mean()) / known.std())
        new = yeojohnson((new - known.mean()) / known.std(), power)
        columns.append(((bent - bent.mean()) / bent.std(), (new - bent.mean()) / bent.std()))
    gaussian = np.array([known for known, _ in columns])
    precision = np.linalg.inv(np.cov(gaussian) + np.eye(len(gaussian)))
    z, known_z = (f.avg.astype(np.float64) for f in (TEST, TRAIN))
    z, known_z = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (z, known_z))
    expected = [
        np.sqrt(len(a)) * np.log(np.sort(((known_z - a) ** 2).sum(axis=1))[k - 1]) + u @ precision @ u
        for a, u in zip(z, np.array([new for _, new in columns]).T, strict=True)
    ]
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-3)


def test_combood_takes_all_of_fewer_images_than_k():
    few = with_extremes(TRAIN.subset(np.arange(20)), np.random.default_rng(0).normal(size=(20, 2)))
    scores = load("combood")().fit_with_head(few, HEAD).score_features(few)
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(scores, load("combood")(k=20).fit_with_head(few, HEAD).score_features(few))
    with pytest.raises(HeatError, match="at least 1"):
        load("combood")(k=0)


def test_combood_of_constant_extremes_is_the_neighbours_alone():
    """A layer whose input never changes says nothing, and divides by nothing."""
    constant = [with_extremes(f, np.ones((len(f), 3))) for f in (TRAIN, TEST)]
    head = np.zeros_like(HEAD[0]), np.zeros_like(HEAD[1])
    scores = load("combood")().fit_with_head(constant[0], head).score_features(constant[1])
    distances = load("knn")(k=50).fit_features(TRAIN).score_features(TEST)
    np.testing.assert_allclose(scores, np.sqrt(TRAIN.avg.shape[1]) * 2 * np.log(distances), rtol=1e-6)
