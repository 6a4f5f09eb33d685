"""CombOOD and the column that it reads, against plain formulas in float64."""

import numpy as np
import pytest
import timm
import torch
from scipy.stats import yeojohnson
from torch import nn

from heat_core import HeatError
from heat_core.backbones.registry import DEMO, Backbone, load_backbone
from heat_core.data.datasets import open_dataset
from heat_core.detectors import load
from heat_core.features.activation_inputs import activation_calls
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


def wrapped(*layers: nn.Module) -> Backbone:
    """Network of 3 × 4 × 4 pixels whose head is its last layer."""
    module = nn.Sequential(nn.Flatten(), nn.Linear(48, 5), *layers, nn.Linear(5, 3))
    return Backbone.wrap(module, None, head=str(len(layers) + 2), name="plain", input_shape=(3, 4, 4))


class WithTable(nn.Module):
    """Adds a table of two positions, which has two rows for any number of images."""

    def __init__(self) -> None:
        super().__init__()
        self.act, self.table = nn.ReLU(), nn.Parameter(torch.ones(2, 5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.act(x) + self.act(self.table).sum()


@pytest.mark.parametrize("layers", [(), (nn.Sigmoid(),), (nn.Softmax(1), nn.Hardsigmoid())])
def test_a_network_without_activation_modules_has_no_extremes(layers):
    with pytest.raises(HeatError, match=r"CombOOD reads the inputs of activation modules .*; .*plain.* calls none"):
        load("combood").train_columns(wrapped(*layers))


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_width_does_not_depend_on_the_number_of_images(count):
    backbone = wrapped(WithTable())
    load("combood").train_columns(backbone)
    pixels = torch.randn(count, 3, 4, 4)
    inputs = backbone.model.get_submodule("module.1")(pixels.flatten(1))
    ours = EXTREMES.compute(Batch(backbone, pixels))
    torch.testing.assert_close(ours, torch.stack([inputs.amin(dim=1), inputs.amax(dim=1)], dim=1))


def test_activations_of_three_libraries_are_read():
    class Own(nn.ReLU):
        pass

    kinds = [timm.layers.activations.GELU(), timm.layers.activations.HardSwish(), nn.PReLU(), Own(), nn.Tanh()]
    kinds.append(pytest.importorskip("transformers").activations.GELUActivation())
    assert [call.module for call in activation_calls(wrapped(nn.Sigmoid(), *kinds))] == [
        f"module.{i}" for i in range(3, 9)
    ]


@pytest.mark.parametrize("name", ["swin", "convnext"])
def test_networks_of_timm_with_activations_of_its_own(name):
    """Swin V2 also calls activations on tables of positions, which have no row for each image."""
    if name == "swin":
        shape = {"img_size": 32, "window_size": 4, "embed_dim": 8, "depths": (1, 1), "num_heads": (2, 2)}
        network, calls = timm.models.swin_transformer_v2.SwinTransformerV2(num_classes=3, **shape), 2
    else:
        network, calls = timm.models.convnext.ConvNeXt(num_classes=3, depths=(1, 1, 1, 2), dims=(4, 4, 4, 8)), 5
    backbone = Backbone.wrap(network, None, name=name, input_shape=(3, 32, 32))
    load("combood").train_columns(backbone)
    assert all(call.module.endswith("mlp.act") for call in activation_calls(backbone))
    pixels = torch.randn(4, 3, 32, 32)
    ours = EXTREMES.compute(Batch(backbone, pixels))
    assert ours.shape == (4, 2 * calls)
    torch.testing.assert_close(EXTREMES.compute(Batch(backbone, pixels[:1])), ours[:1], rtol=1e-4, atol=1e-5)


def test_a_module_that_not_all_images_pass_is_a_sentence():
    class Branch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.abs().max() > 1000 else self.act(x)

    backbone = wrapped(Branch())
    with pytest.raises(HeatError, match=r"2\.act of .*plain.* is not called in the same way for all images"):
        EXTREMES.compute(Batch(backbone, torch.full((2, 3, 4, 4), 1e6)))


def with_extremes(features: Features, extremes: np.ndarray) -> Features:
    return Features(features.avg, None, features.labels, features.ids, extra={EXTREMES.name: extremes})


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
