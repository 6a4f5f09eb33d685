"""Features of a loader's batches: those of the files to the bit, and what is refused."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

from heat_core import HeatError, extract
from heat_core.backbones.registry import Backbone, load_backbone
from heat_core.data.datasets import open_dataset
from heat_core.estimators.loader_features import LoaderFeatures
from heat_core.features import extraction
from tests.heat_core.estimators.pictures import Pictures

DEMO, CPU, SHAPE = "heat-demo-resnet", torch.device("cpu"), (3, 32, 32)


@pytest.fixture(scope="module")
def known() -> Backbone:
    return load_backbone(DEMO)


@pytest.fixture(scope="module")
def images():
    return open_dataset("demo-digits", "test").limited(7)


@pytest.fixture(scope="module")
def dataset(images, known) -> Pictures:
    return Pictures(images, known.transform)


@pytest.fixture(scope="module")
def batch(dataset):
    """Pixels (6, 3, 32, 32) and labels (6,) of the first images."""
    return next(iter(DataLoader(dataset, batch_size=6)))


def quiet(model, loader, **keywords) -> LoaderFeatures:
    return extract(model, loader, progress=False, device="cpu", **keywords)


@pytest.mark.parametrize("kind", ["module", "backbone", "name"])
def test_the_features_are_those_of_the_files_to_the_bit(kind, known, images, dataset):
    model = {"module": known.model, "backbone": known, "name": DEMO}[kind]
    found = quiet(model, DataLoader(dataset, batch_size=16))
    expected = extraction.extract(known, images, CPU, batch_size=16)
    np.testing.assert_array_equal(found.avg, expected.avg)
    np.testing.assert_array_equal(found.std, expected.std)
    np.testing.assert_array_equal(found.labels, images.labels)
    assert found.class_names == images.class_names
    for ours, theirs in zip(found.head, known.head, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_batches_of_every_form_are_read(known, batch):
    pixels, labels = batch
    expected = known.cpu()(pixels)[0].numpy()
    for form, keywords, is_labelled in (
        (pixels, {}, False),
        ((pixels, labels), {}, True),
        ([pixels], {}, False),
        ([pixels, labels.tolist(), "further parts"], {}, True),
        ({"image": pixels, "label": labels}, {}, True),
        ({"pixel_values": pixels, "labels": labels}, {"image_key": "pixel_values", "label_key": "labels"}, True),
        ({"image": pixels}, {"label_key": None}, False),
        ((pixels.double(), labels), {}, True),
    ):
        found = quiet(known, (form for _ in range(2)), **keywords)
        np.testing.assert_allclose(found.avg, np.concatenate([expected] * 2), rtol=1e-4, atol=1e-6)
        assert (found.labels is not None) == is_labelled
        assert found.labels is None or found.labels.tolist() == labels.tolist() * 2


class Grey(nn.Module):
    """A small network that reads one channel and pools with no module."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.fc = nn.Conv2d(1, 8, 4, 4), nn.Linear(8, 3)

    def forward(self, pixels):
        return self.fc(self.stem(pixels).relu().mean(dim=(2, 3)))


def test_grey_half_precision_and_parallel_modules_are_taken():
    torch.manual_seed(0)
    module, pixels = Grey(), torch.rand(9, 1, 28, 28)
    found = quiet(module.train(), DataLoader(TensorDataset(pixels), batch_size=4))
    assert module.training
    assert (found.avg.shape, found.std.shape, found.head[0].shape) == ((9, 8), (9, 8), (3, 8))
    np.testing.assert_array_equal(quiet(nn.DataParallel(module), pixels.split(4)).avg, found.avg)
    half = quiet(module.half(), pixels.half().split(4))
    assert half.avg.dtype == np.float32
    np.testing.assert_allclose(half.avg, found.avg, rtol=2e-2, atol=1e-3)


def test_an_encoder_and_a_network_without_a_volume(batch):
    torch.manual_seed(0)
    flat = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(48, 4))
    found = quiet(flat, [batch], pool=None)
    assert (found.avg.shape, found.std, found.head[0].shape) == ((6, 48), None, (4, 48))
    assert quiet(flat, [batch], head="none").head is None


def test_the_classes_of_a_part_of_a_set_are_named(known, dataset, images):
    part = DataLoader(Subset(dataset, [0, 20]), batch_size=2)
    assert quiet(known, part).class_names == images.class_names
    assert quiet(known, [next(iter(part))]).class_names == []


def test_the_progress_bar_is_shown_unless_it_is_off(known, batch, capsys):
    extract(known, [batch, batch], device="cpu")
    assert "Features: 100%" in capsys.readouterr().err
    quiet(known, [batch])
    assert capsys.readouterr().err == ""


PIXELS, LABELS = torch.zeros(4, *SHAPE), torch.arange(4)


@pytest.mark.parametrize(
    ("loader", "why"),
    [
        ([], "The loader gives no batch"),
        (3, "The loader is a int: give an iterable"),
        (["a.png"], "Batch 0 of the loader holds a str in place of images"),
        (PIXELS, r"images of the shape \(3, 32, 32\): it must be \(B, C, H, W\) \(is it a dataset"),
        (TensorDataset(PIXELS, LABELS), "is it a dataset"),
        ([PIXELS[:0]], r"images of the shape \(0, 3, 32, 32\)"),
        ([PIXELS, torch.zeros(4, 3, 32, 64)], r"Batch 1 .* shape \(3, 32, 64\), and the first \(3, 32, 32\)"),
        ([torch.zeros(4, 3, 64, 64)], r"have the shape \(3, 64, 64\) .*heat-demo-resnet takes \(3, 32, 32\)"),
        ([PIXELS.to(torch.uint8)], "pixels of the type uint8, which are not normalised"),
        ([torch.linspace(0, 255, PIXELS.numel()).view(PIXELS.shape)], "numbers from 0 to 255"),
        ([PIXELS, torch.full((1, *SHAPE), math.nan)], "1 of 5 images have NaN .* first image 4"),
        ([{"img": PIXELS}], r"has no 'image': name one of its keys with image_key= \(img\)"),
        ([{"image": PIXELS, "y": LABELS}], r"has no 'label': .*label_key=, or None to read no labels \(image, y\)"),
        ([(PIXELS, LABELS[:3])], "4 images and 3 labels"),
        ([(PIXELS, ["a"] * 4)], r"labels of the type <U1 \(4,\)"),
        ([(PIXELS, PIXELS)], r"labels of the type float32 \(4, 3, 32, 32\)"),
        ([(PIXELS, LABELS), (PIXELS,)], "Batch 1 of the loader has no labels, unlike the first"),
        ([PIXELS, (PIXELS, LABELS)], "Batch 1 of the loader has labels, unlike the first"),
    ],
)
def test_a_loader_of_another_kind_is_refused(loader, why, known):
    with pytest.raises(HeatError, match=why):
        quiet(known, loader)


@pytest.mark.parametrize(
    ("model", "keywords", "why"),
    [
        ("no-such-net", {}, "no-such-net"),
        (3, {}, "The network is a int"),
        (nn.Flatten(), {}, "No linear layer of Flatten outputs its logits"),
        (nn.Conv2d(1, 3, 3), {}, r"must take a batch \(B, 3, H, W\)"),
        (DEMO, {"head": "fc"}, "head and pool are found already"),
        (DEMO, {"device": "abacus"}, "The device abacus cannot be used"),
    ],
)
def test_a_model_of_another_kind_is_refused(model, keywords, why):
    with pytest.raises(HeatError, match=why):
        extract(model, [PIXELS], progress=False, **keywords)
