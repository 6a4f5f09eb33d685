"""Weights from other sources: what they were wrapped in, trained at, or lack."""

import re

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.models._builder import build_model_with_cfg
from timm.models.resnet import BasicBlock, ResNet

from heat_core import HeatError
from heat_core.backbones.registry import load_backbone
from heat_core.backbones.timm_models import build_network
from heat_core.features.features import Features
from heat_core.features.heads import choose_head

pytestmark = pytest.mark.usefixtures("one_thread")
CLASSES = 3


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """Weights of timm's test_resnet."""
    torch.manual_seed(0)
    return timm.create_model("test_resnet", num_classes=CLASSES).state_dict()


def changed(state, ending: str, value: float) -> dict[str, torch.Tensor]:
    """The same weights, one number of the last tensor whose name ends so being another."""
    key = [k for k in state if k.endswith(ending)][-1]
    tensor = state[key].clone()
    tensor.view(-1)[0] = value
    return state | {key: tensor}


@pytest.fixture(scope="module")
def vit_of_64() -> dict[str, torch.Tensor]:
    """Weights of a ViT that was fine-tuned at 64 pixels where timm's has 160."""
    torch.manual_seed(0)
    return timm.create_model("test_vit", img_size=64, num_classes=2).state_dict()


def test_a_vit_that_was_trained_at_another_size_loads_at_it(saved, vit_of_64):
    backbone = load_backbone("test_vit", saved(vit_of_64), 64)
    assert backbone.input_size == (64, 64)
    assert backbone.head[0].shape[0] == 2
    torch.testing.assert_close(backbone.model.pos_embed, vit_of_64["pos_embed"])
    own = timm.create_model("test_vit", img_size=64, num_classes=2).eval()
    own.load_state_dict(vit_of_64)
    pixels = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(backbone.model(pixels), own(pixels))


def test_a_vit_that_was_trained_at_another_size_takes_a_third(saved, vit_of_64):
    backbone = load_backbone("test_vit", saved(vit_of_64), 96)
    with torch.inference_mode():
        volume = backbone.model.forward_features(torch.randn(1, 3, 96, 96))
    assert volume.shape[1] == backbone.model.num_prefix_tokens + 36
    assert backbone.input_size == (96, 96)


def test_a_vit_that_was_trained_at_another_size_is_used_at_it(saved, vit_of_64):
    assert load_backbone("test_vit", saved(vit_of_64)).input_size == (64, 64)


@pytest.mark.parametrize(
    "prefix", ["", "module.", "_orig_mod.", "backbone.", "encoder.", "model.", "module._orig_mod.", "model.backbone."]
)
def test_prefixes_of_training_code_are_taken_off(saved, state, prefix):
    model, _ = build_network("test_resnet", saved({prefix + key: value for key, value in state.items()}), 32)
    own = model.state_dict()
    assert set(own) == set(state)
    assert all(torch.equal(own[key], state[key]) for key in state)


def test_a_tilde_before_a_weights_file_is_ones_home(saved, state, monkeypatch, tmp_path):
    saved(state)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert torch.equal(build_network("test_resnet", "~/w.safetensors", 32)[0].fc.weight, state["fc.weight"])


def test_what_a_wrapper_holds_beside_the_network_is_left_out(saved, state):
    beside = {f"module.{key}": value for key, value in state.items()} | {"projector.weight": torch.ones(4, 4)}
    model, _ = build_network("test_resnet", saved(beside), 32)
    assert torch.equal(model.fc.weight, state["fc.weight"])


def test_a_checkpoint_with_more_than_weights_is_read(tmp_path, state):
    content = {"state_dict": {f"module.{key}": value for key, value in state.items()}, "epoch": 7}
    torch.save(content, tmp_path / "checkpoint.pth.tar")
    model, _ = build_network("test_resnet", str(tmp_path / "checkpoint.pth.tar"), 32)
    assert torch.equal(model.fc.weight, state["fc.weight"])


@pytest.mark.parametrize(
    ("name", "prefix"),
    [("test_resnet", ""), ("test_resnet", "encoder."), ("test_vit", ""), ("test_convnext", "module.")],
)
def test_weights_without_a_classifier_get_a_fitted_head(saved, name, prefix):
    """Weights without a classifier get a fitted head, and the reason given is the true one."""
    state = timm.create_model(name, num_classes=CLASSES).state_dict()
    without = {prefix + key: value for key, value in state.items() if not key.startswith(("fc.", "head."))}
    if name == "test_convnext":  # its norm stays
        without |= {prefix + key: value for key, value in state.items() if key.startswith("head.norm")}
    backbone = load_backbone(name, saved(without), 32)
    assert (backbone.head, backbone.no_head_reason) == (None, "the weights have no classifier")
    y = np.arange(30) % 3
    train = Features(np.eye(3, dtype=np.float32)[y], None, y, [str(i) for i in range(30)], ["a", "b", "c"])
    chosen = choose_head(backbone.head, train, backbone.no_head_reason)
    assert chosen.reason == (
        "The model's own head cannot be used, the weights have no classifier: fitting a logistic-regression head."
    )
    assert chosen.refit is not None
    assert chosen.head[0].shape == (3, 3)


def as_published(key: str) -> str:
    """A key of timm's ConvNeXt as the checkpoints of its authors have it."""
    key = key.replace("stem.", "downsample_layers.0.").replace("conv_dw", "dwconv").replace("mlp.fc", "pwconv")
    key = re.sub(r"stages\.(\d+)\.downsample\.(\d+)", r"downsample_layers.\1.\2", key)
    key = re.sub(r"stages\.(\d+)\.blocks\.(\d+)", r"stages.\1.\2", key)
    return key.replace("head.fc.", "head.").replace("head.norm.", "norm.")


def test_weights_under_their_authors_names_keep_their_classifier(saved):
    torch.manual_seed(0)
    published = timm.create_model("test_convnext", num_classes=CLASSES).state_dict()
    backbone = load_backbone("test_convnext", saved({as_published(k): v for k, v in published.items()}), 32)
    np.testing.assert_array_equal(backbone.head[0].astype(np.float32), published["head.fc.weight"].numpy())


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: timm.create_model("test_vit", num_classes=CLASSES).state_dict(),
        lambda state: {key: value for key, value in state.items() if not key.startswith("layer3")},
        lambda state: state | {"fc.weight": torch.ones(CLASSES, 7)},
        lambda state: {"x": torch.ones(1)},
    ],
    ids=["another network", "a part", "another shape", "something else"],
)
def test_weights_that_do_not_fit_are_refused_by_name(saved, state, damage):
    path = saved(damage(state))
    with pytest.raises(HeatError, match=rf"The weights in {path} do not fit test_resnet \(.*\): choose the backbone"):
        load_backbone("test_resnet", path, 32)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("ending", ["conv1.weight", "fc.bias"])
def test_weights_that_are_not_finite_are_refused(saved, state, ending, value):
    path = saved(changed(state, ending, value))
    with pytest.raises(HeatError, match=rf"The weights in {path} hold NaN or infinite values"):
        load_backbone("test_resnet", path, 32)


@pytest.mark.parametrize(("ending", "value"), [("running_mean", float("nan")), ("running_var", float("inf"))])
def test_batchnorm_statistics_that_are_not_finite_are_refused(saved, state, ending, value):
    """Statistics of a batch normalisation that are not finite are refused."""
    with pytest.raises(HeatError, match="hold NaN or infinite values"):
        load_backbone("test_resnet", saved(changed(state, ending, value)), 32)


def person_net(pretrained: bool = False, **keywords):
    """A small ResNet of those that look at people."""
    shape = {"block": BasicBlock, "layers": (1, 1, 1, 1), "channels": (8, 8, 16, 16)}
    return build_model_with_cfg(ResNet, "person_net", pretrained, **shape | keywords)


def test_a_network_that_is_not_square_keeps_its_size(saved, registered):
    config = {"input_size": (3, 128, 64), "classifier": "fc", "first_conv": "conv1"}
    registered("person_net", person_net, **config)
    weights = saved(timm.create_model("person_net", num_classes=CLASSES).state_dict())
    backbone = load_backbone("person_net", weights)
    assert backbone.input_size == (128, 64)
    assert tuple(backbone.transform(Image.new("RGB", (64, 128))).shape) == (3, 128, 64)
    assert tuple(backbone.transform(Image.new("RGB", (300, 200))).shape) == (3, 128, 64)
    square = load_backbone("person_net", weights, 48)
    assert tuple(square.transform(Image.new("RGB", (64, 128))).shape) == (3, 48, 48)
