"""The columns that ODIN, MDS and Gram read, on the demo's network, against plain formulas and pytorch-ood."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from pytorch_ood import detector as rival
from pytorch_ood.detector.odin import odin_preprocessing

from heat_core import HeatError
from heat_core.backbones.registry import load_backbone
from heat_core.data.datasets import open_dataset
from heat_core.detectors import load
from heat_core.features.columns import AVG, GRAM, GRAM_POWERS, LAYERS, STD, Batch
from heat_core.features.extraction import extract
from tests.tolerance import assert_close_in_norm

CPU = torch.device("cpu")


@pytest.fixture
def train(backbone, home):
    return extract(backbone, open_dataset("demo-digits", "train"), CPU, columns=(AVG, STD, LAYERS, GRAM))


def features_of(backbone, columns):
    return extract(backbone, open_dataset("demo-digits", "test").limited(5), CPU, columns=(AVG, STD, *columns))


def odin(backbone, **parameters):
    detector = load("odin")(**parameters)
    detector.head_ = backbone.head
    return detector


def test_odin_is_pytorch_oods(backbone, pixels):
    class Classifier(torch.nn.Module):
        def forward(self, x):
            weight, bias = (torch.as_tensor(p, dtype=torch.float32) for p in backbone.head)
            return torch.nn.functional.linear(backbone(x)[0], weight, bias)

    std = backbone.pixel_std.flatten().tolist()
    moved = odin_preprocessing(Classifier(), pixels.clone(), eps=0.0014, temperature=1000, norm_std=std)
    ours = odin(backbone)
    (column,) = ours.test_columns(backbone)
    logits = column.compute(Batch(backbone, pixels.clone(), gradients=True))
    torch.testing.assert_close(logits, Classifier()(moved), rtol=1e-4, atol=1e-4)
    expected = rival.ODIN(Classifier(), eps=0.0014, temperature=1000, norm_std=std).predict(pixels.clone())
    scores = -(logits.double() / 1000).softmax(1).amax(1)
    torch.testing.assert_close(scores.float(), expected.float(), atol=1e-6, rtol=0)


def test_odin_scores_what_was_extracted(backbone, home):
    ours = odin(backbone)
    features = features_of(backbone, ours.test_columns(backbone))
    assert ours.score_features(features).shape == (len(features),)
    other = odin(backbone, epsilon=0.01)
    with pytest.raises(HeatError, match="made from images"):
        other.score_features(features)  # another ε is another column


def test_layers_are_the_means_of_every_stage(backbone, pixels):
    maps = []
    hooks = [
        s.register_forward_hook(lambda m, i, o: maps.append(o))
        for s in (backbone.model.act1, backbone.model.layer1, backbone.model.layer2, backbone.model.layer3)
    ]
    with torch.inference_mode():
        avg = backbone(pixels)[0]
    [h.remove() for h in hooks]
    expected = torch.cat([*(m.mean(dim=(2, 3)) for m in maps), avg], dim=1)
    with torch.inference_mode():
        torch.testing.assert_close(LAYERS.compute(Batch(backbone, pixels.clone(), stages=True)), expected)
    assert sum(backbone.layer_widths) == expected.shape[1]


def test_gram_statistics_are_pytorch_oods(backbone, pixels):
    with torch.inference_mode():
        batch = Batch(backbone, pixels.clone(), stages=True)
        ours = GRAM.compute(batch)
        maps = [*batch.stages, batch.volume]
        expected = torch.cat([rival.Gram._gram_vector(m.double(), p) for m in maps for p in GRAM_POWERS], dim=1)
    torch.testing.assert_close(ours.double(), expected, rtol=1e-3, atol=1e-4)
    assert len(GRAM_POWERS) * sum(backbone.map_widths) == ours.shape[1]


def test_gram_scores_are_the_literal_deviations(backbone, train):
    gram = load("gram")(backbone.map_widths).fit_with_head(train, backbone.head)
    test = features_of(backbone, (GRAM,))
    held_out = np.zeros(len(train), bool)
    for c in range(6):
        held_out[np.flatnonzero(train.labels == c)[9::10]] = True
    bounds = [0, *np.cumsum([10 * w for w in backbone.map_widths])]

    def deviations(statistics, c):
        rows = np.asarray(train.column("gram"))[(train.labels == c) & ~held_out].astype(float)
        low, high = rows.min(0), rows.max(0)
        d = np.maximum(low - statistics, 0) / abs(low + 1e-6) + np.maximum(statistics - high, 0) / abs(high + 1e-6)
        return np.array([d[a:b].sum() for a, b in pairwise(bounds)])

    out = [deviations(train.column("gram")[i], train.labels[i]) for i in np.flatnonzero(held_out)]
    expected = np.mean(out, axis=0)
    predicted = (test.avg @ backbone.head[0].T + backbone.head[1]).argmax(1)
    plain = [
        (deviations(s, c) / np.where(expected > 0, expected, 1)).sum()
        for s, c in zip(test.column("gram"), predicted, strict=True)
    ]
    assert_close_in_norm(gram.score_features(test), plain, 1e-6)


def test_mds_moves_the_image_against_every_layers_distance(backbone, train, pixels):
    mds = load("mds")(backbone.layer_widths).fit_with_head(train, backbone.head)
    (column,) = mds.test_columns(backbone)
    ours = column.compute(Batch(backbone, pixels.clone(), stages=True, gradients=True))
    assert ours.shape == (8, len(backbone.layer_widths))
    for layer in (0, 2, len(backbone.layer_widths) - 1):
        gaussians = mds.layers_[layer]
        means, precision = (torch.from_numpy(a).float() for a in (gaussians.means_, gaussians.precision_))

        def distance(x, layer=layer, means=means, precision=precision):
            z = Batch(backbone, x, stages=True, gradients=True).layers[layer]
            return torch.stack([((z - m) @ precision * (z - m)).sum(1) for m in means], dim=1).amin(1)

        x = pixels.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(distance(x).sum(), x)
        moved = x.detach() - 0.0014 * gradient.sign() / backbone.pixel_std
        torch.testing.assert_close(ours[:, layer], distance(moved.clone()).detach(), rtol=2e-2, atol=0.5)
    scores = mds.score_features(features_of(backbone, (column,)))
    assert np.isfinite(scores).all()


def test_columns_that_come_later_join_those_on_disk(backbone, home):
    images = open_dataset("demo-digits", "test").limited(5)
    first = extract(backbone, images, CPU)
    later = extract(backbone, images, CPU, columns=(AVG, STD, LAYERS))
    np.testing.assert_array_equal(first.avg, later.avg)
    at_once = extract(backbone, open_dataset("demo-digits", "test").limited(6), CPU, columns=(AVG, STD, LAYERS))
    np.testing.assert_allclose(
        later.column("layers"), at_once.column("layers")[np.isin(at_once.ids, later.ids)], atol=1e-4
    )
    folder = next((home / "features").glob("*/*"))
    assert not list(folder.parent.glob("*.partial*"))
    steps = []
    extract(backbone, images, CPU, columns=(AVG, STD, LAYERS), on_progress=steps.append)
    assert not steps


def test_a_vit_has_layers_but_no_maps(weights_of, home):
    vit = load_backbone("test_vit", str(weights_of("test_vit")))
    with pytest.raises(HeatError, match="test_vit has tokens"):
        load("gram").train_columns(vit)
    assert load("mds").train_columns(vit) == (LAYERS,)
    assert vit.layer_widths[-1] == vit.model.num_features
