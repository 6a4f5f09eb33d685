"""Transforms of anybody's: what is refused, what is seen of them, and when they can be written down."""

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data import create_transform
from torchvision import transforms as T
from torchvision.models import ResNet18_Weights
from torchvision.transforms import v2

from heat_core import HeatError
from heat_core.backbones.transforms import TransformInfo, TransformSpec

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PLAIN = (T.Resize(72), T.CenterCrop(64), T.ToTensor())
USUAL = T.Compose([*PLAIN, T.Normalize(MEAN, STD)])
OTHERS = {
    "timm": create_transform((3, 64, 64), crop_pct=0.875, interpolation="bicubic"),
    "torchvision": ResNet18_Weights.DEFAULT.transforms(),
    "v2": v2.Compose(
        [
            v2.Resize((80, 90), "bicubic"),
            v2.CenterCrop(64),
            v2.ToImage(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    ),
    "whole": T.Compose([T.Resize((32, 48)), T.ToTensor()]),
}


@pytest.mark.parametrize("name", OTHERS)
def test_size_and_normalisation_are_seen_by_what_it_does(name):
    found, plain = TransformInfo.inspect(OTHERS[name]), name == "whole"
    assert found.size == {"torchvision": (224, 224), "whole": (32, 48)}.get(name, (64, 64))
    assert found.mean == pytest.approx((0, 0, 0) if plain else MEAN, abs=2e-5)
    assert found.std == pytest.approx((1, 1, 1) if plain else STD, abs=2e-5)


@pytest.mark.parametrize("name", OTHERS)
def test_the_usual_transforms_can_be_written_down(name):
    found = TransformInfo.inspect(OTHERS[name])
    again = found.to_spec().build()
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 255, (123, 77, 3), dtype=np.uint8))
    torch.testing.assert_close(again(noise), torch.as_tensor(OTHERS[name](noise)), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("transform", "why"),
    [
        (T.Compose([T.Pad(3), *PLAIN]), "Pad is not a supported step"),
        (T.Compose([T.ToTensor(), T.Resize(72), T.CenterCrop(64)]), "something else"),
        (T.Compose([T.CenterCrop(64), T.Resize(32), T.ToTensor()]), "something else"),
        (lambda image: USUAL(image), "function is not a supported step"),
    ],
)
def test_others_cannot_and_that_is_said(transform, why):
    with pytest.raises(HeatError, match=f"cannot be saved .*{why}"):
        TransformInfo.inspect(transform).to_spec()


@pytest.mark.parametrize(
    ("transform", "why"),
    [
        (T.Compose([T.Resize(64), T.ToTensor()]), "one size, as CenterCrop"),
        (T.Compose([T.RandomCrop(16), T.ToTensor()]), "without random steps"),
        (T.Compose([*PLAIN[:2], T.PILToTensor()]), "uint8"),
        (T.Compose([*PLAIN[:2], T.Grayscale(), T.ToTensor()]), r"\(1, 64, 64\)"),
        (np.asarray, "gives a ndarray"),
        (lambda image: image.missing, "fails on an image of 300×200"),
    ],
)
def test_what_no_network_could_take_is_refused(transform, why):
    with pytest.raises(HeatError, match=why):
        TransformInfo.inspect(transform)


def test_a_scale_of_bytes_is_a_scale_and_a_curve_is_none():
    of_bytes = TransformInfo.inspect(lambda image: 255 * T.Compose(PLAIN)(image))
    assert of_bytes.std == pytest.approx((1 / 255,) * 3, abs=1e-5)
    assert TransformInfo.inspect(lambda image: T.Compose(PLAIN)(image) ** 2).std == (1.0, 1.0, 1.0)


def test_functions_are_distinguished_by_what_they_compute():
    """Two functions of one name have different fingerprints, and two that compute the same have equal ones."""

    def made(power):
        return lambda image: T.Compose(PLAIN)(image) ** power

    assert TransformInfo.inspect(made(1)).fingerprint_text == TransformInfo.inspect(made(1)).fingerprint_text
    assert TransformInfo.inspect(made(1)).fingerprint_text != TransformInfo.inspect(made(2)).fingerprint_text
    assert (
        TransformInfo.inspect(USUAL).fingerprint_text
        == TransformInfo.inspect(T.Compose([*PLAIN, T.Normalize(MEAN, STD)])).fingerprint_text
    )
    assert (
        TransformInfo.inspect(USUAL).fingerprint_text
        != TransformInfo.inspect(T.Compose([*PLAIN, T.Normalize(STD, STD)])).fingerprint_text
    )


def test_steps_of_nothing_are_nothing():
    image = Image.new("RGB", (5, 4), (255, 0, 51))
    torch.testing.assert_close(TransformSpec().build()(image), T.ToTensor()(image))
