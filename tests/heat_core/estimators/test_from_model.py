"""HEAT of a model and a loader in one step, and the guard that it writes."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Subset

from heat_core import Guard, HeatError, extract
from heat_core.backbones.registry import Backbone, load_backbone
from heat_core.data.datasets import open_dataset
from heat_core.estimators.heat import HEAT
from tests.heat_core.estimators.pictures import Pictures

DEMO, SMALL = "heat-demo-resnet", {"width": 8, "updates": 1, "epochs": 1, "langevin_steps": 1}
OPTIONS = {"settings": SMALL, "device": "cpu"}


@pytest.fixture(scope="module")
def known() -> Backbone:
    return load_backbone(DEMO)


def loader_of(part: str, per_class: int, transform) -> DataLoader:
    return DataLoader(Pictures(open_dataset("demo-digits", part).limited(per_class), transform), batch_size=16)


@pytest.fixture(scope="module")
def training(known) -> DataLoader:
    return loader_of("train", 20, known.transform)


@pytest.fixture(scope="module")
def testing(known) -> DataLoader:
    return loader_of("test", 8, known.transform)


@pytest.fixture(scope="module")
def heat(known, training, testing) -> HEAT:
    return HEAT.from_model(Backbone.wrap(known.model, known.transform), training, testing, **OPTIONS)


def test_it_is_extract_and_fit(known, heat, training, testing):
    f, test = (extract(known, loader, device="cpu", progress=False) for loader in (training, testing))
    expected = HEAT(**OPTIONS).fit(f.avg, f.labels, std=f.std, head=f.head)
    scores = expected.ood_score(test.avg, std=test.std)
    np.testing.assert_array_equal(heat.ood_score(test.avg, std=test.std), scores)
    assert list(heat.energies(test.avg, std=test.std)) == ["gmm", "gmm-std", "el"]
    np.testing.assert_array_equal(heat.calibration_.scores, scores)
    assert heat.class_names_ == training.dataset.classes
    assert heat.backbone_.name.startswith("wrapped:")


def test_its_guard_scores_images(heat, testing, tmp_path):
    heat.save(tmp_path / "guard.safetensors")
    guard = Guard.load(tmp_path / "guard.safetensors", backbone=heat.backbone_)
    images = testing.dataset.images
    np.testing.assert_allclose(guard(images, batch_size=16).score, heat.calibration_.scores, rtol=1e-6)
    assert guard.network.name == heat.backbone_.name
    unnamed = Guard.load(tmp_path / "guard.safetensors")
    assert unnamed.backbone is heat.backbone_  # by its name, in this process
    assert unnamed(np.asarray(images.open(0))).predicted_class[0] in heat.class_names_
    with pytest.raises(HeatError, match="are not enough to restore it"):
        heat.to_guard().save(tmp_path / "whole.safetensors", with_weights=True)


def test_a_network_of_a_name_is_loaded_again(training, testing, tmp_path):
    heat = HEAT.from_model(DEMO, training, testing, priors=["gmm"], **OPTIONS)
    heat.save(tmp_path / "guard.safetensors")
    guard = Guard.load(tmp_path / "guard.safetensors")
    assert guard.backbone.name == DEMO
    assert guard.class_names == training.dataset.classes
    np.testing.assert_allclose(guard(testing.dataset.images, 16).score, heat.calibration_.scores, rtol=1e-5)


def test_without_a_transform_its_guard_takes_pixels_alone(known, training, testing, tmp_path):
    heat = HEAT.from_model(known.model, training, testing, priors=["gmm"], **OPTIONS)
    heat.save(tmp_path / "guard.safetensors")
    guard = Guard.load(tmp_path / "guard.safetensors", backbone=heat.backbone_)
    pixels = torch.cat([batch for batch, _ in testing])
    np.testing.assert_allclose(guard(pixels, 16).score, heat.calibration_.scores, rtol=1e-6)
    with pytest.raises(HeatError, match=r"wrapped without a transform.*no images or files"):
        guard(Image.new("RGB", (32, 32)))


def test_the_head_is_that_of_the_classes_with_samples(known, training, heat):
    """Two of six classes keep their rows of the network's head; other labels get a head of their own."""
    rows = np.flatnonzero(np.isin(training.dataset.images.labels, [1, 4]))
    part = HEAT.from_model(known, DataLoader(Subset(training.dataset, rows), 16), priors=["el"], **OPTIONS)
    assert part.class_names_ == [training.dataset.classes[c] for c in (1, 4)]
    np.testing.assert_array_equal(part.model_.head.head[0], known.head[0][[1, 4]])
    np.testing.assert_array_equal(heat.model_.head.head[0], known.head[0])
    shuffled = [(pixels, torch.zeros_like(labels) + torch.arange(len(labels)) % 2) for pixels, labels in training]
    other = HEAT.from_model(known, shuffled, priors=["el"], **OPTIONS)
    assert other.class_names_ == ["0", "1"]
    assert other.model_.head.head[0].shape == (2, 64)
    unlabelled = HEAT.from_model(known, [pixels for pixels, _ in training], priors=["el"], **OPTIONS)
    np.testing.assert_array_equal(unlabelled.model_.head.head[0], known.head[0])


def test_another_fit_forgets_the_network(known, training):
    heat = HEAT.from_model(known, training, priors=["gmm"], **OPTIONS)
    f = extract(known, training, progress=False)
    heat.fit(f.avg, f.labels).calibrate(f.avg)
    assert heat.to_guard().network is None


def test_negative_labels_are_refused(known, training):
    batches = [(pixels, labels - 1) for pixels, labels in training]
    with pytest.raises(HeatError, match="has the label -1: classes of known images are numbered from 0"):
        HEAT.from_model(known, batches, **OPTIONS)
