"""Modules that are wrapped without a transform, in other containers, or with other than three channels."""

import pytest
import torch
from PIL import Image
from torch import nn

from heat_core import HeatError
from heat_core.backbones.registry import Backbone
from heat_core.data.datasets import open_dataset
from heat_core.features.batches import extract_in_memory
from tests.heat_core.backbones.networks import SIDE, TRANSFORM, Plain

pytestmark = pytest.mark.usefixtures("one_thread")
SHAPE = (3, SIDE, SIDE)


@pytest.fixture
def plain() -> Plain:
    torch.manual_seed(0)
    return Plain()


def test_a_module_without_a_transform_gives_the_same_features(plain):
    known, unknown = Backbone.wrap(plain, TRANSFORM), Backbone.wrap(plain, input_shape=SHAPE)
    assert unknown.input_shape == SHAPE == known.input_shape
    assert (unknown.transform_info.is_known, known.transform_info.is_known) == (False, True)
    pixels = torch.randn(3, *SHAPE)
    for ours, theirs in zip(unknown(pixels), known(pixels), strict=True):
        assert torch.equal(ours, theirs)
    other = Backbone.wrap(plain, input_shape=(3, SIDE, 2 * SIDE))
    assert len({backbone.fingerprint for backbone in (known, unknown, other)}) == 3


def test_images_and_files_are_refused_without_a_transform(plain, tmp_path):
    backbone = Backbone.wrap(plain, input_shape=SHAPE)
    for use in (
        lambda: backbone.transform(Image.new("RGB", (8, 8))),
        lambda: extract_in_memory(backbone, open_dataset("demo-digits", "test").limited(1)),
        lambda: backbone.save(tmp_path / "net.pt2"),
    ):
        with pytest.raises(HeatError, match=r"wrapped without a transform.*give Backbone\.wrap the transform"):
            use()


@pytest.mark.parametrize("shape", [None, (3, 8), (0, 8, 8), "3, 8, 8", (3.0, 8, 8)])
def test_the_shape_of_the_pixels_is_needed(plain, shape):
    with pytest.raises(HeatError, match=r"give input_shape=\(C, H, W\)"):
        Backbone.wrap(plain, input_shape=shape)


@pytest.mark.parametrize("channels", [1, 5])
def test_any_number_of_channels(channels):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(channels, 8, 4, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    module.append(nn.Linear(8, 3))
    backbone = Backbone.wrap(module, input_shape=(channels, 16, 16))
    pixels = torch.randn(2, channels, 16, 16)
    avg, std = backbone(pixels)
    assert (avg.shape, std.shape, backbone.pixel_std.shape) == ((2, 8), (2, 8), (1, channels, 1, 1))
    torch.testing.assert_close(avg, module[:4](pixels))
    with pytest.raises(HeatError, match=rf"it must take a batch \(B, {channels + 1}, H, W\)"):
        Backbone.wrap(module, input_shape=(channels + 1, 16, 16))


@pytest.mark.parametrize("contain", [nn.DataParallel, torch.compile, lambda m: nn.DataParallel(torch.compile(m))])
def test_the_plain_module_is_taken_out_of_what_contains_it(plain, contain):
    found, expected = (Backbone.wrap(m, TRANSFORM) for m in (contain(plain), plain))
    assert found.fingerprint == expected.fingerprint
    assert found.name == expected.name


def test_what_is_no_module_is_refused():
    with pytest.raises(HeatError, match=r"The network is a function: give a torch\.nn\.Module"):
        Backbone.wrap(lambda pixels: pixels, TRANSFORM)
