"""Weights of strangers: what they were wrapped in, trained at, or lack; and volumes that are no maps."""

import re

import numpy as np
import pytest
import timm
import timm.models._registry as registry
import torch
from PIL import Image
from safetensors.torch import save_file
from timm.models._builder import build_model_with_cfg
from timm.models._pretrained import PretrainedCfg
from timm.models.resnet import BasicBlock, ResNet
from torch import nn

from heat_core import Experiment, HeatError, run
from heat_core.backbones.registry import Backbone, load_backbone
from heat_core.backbones.timm_models import build_network
from heat_core.data.datasets import open_dataset
from heat_core.features.columns import pooled_columns
from heat_core.features.extraction import extract
from heat_core.features.features import Features
from heat_core.features.heads import choose_head
from heat_core.pipeline import sources

pytestmark = pytest.mark.usefixtures("one_thread")
CLASSES = 3


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """Weights of timm's test_resnet."""
    torch.manual_seed(0)
    return timm.create_model("test_resnet", num_classes=CLASSES).state_dict()


@pytest.fixture
def saved(tmp_path):
    """Tensors → a file of them."""

    def save(tensors: dict[str, torch.Tensor]) -> str:
        save_file({key: value.clone() for key, value in tensors.items()}, tmp_path / "w.safetensors")
        return str(tmp_path / "w.safetensors")

    return save


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
def test_weights_without_a_classifier_get_a_fitted_head_with_the_true_reason(saved, name, prefix):
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
def test_statistics_of_a_batchnorm_that_are_not_finite_are_refused(saved, state, ending, value):
    with pytest.raises(HeatError, match="hold NaN or infinite values"):
        load_backbone("test_resnet", saved(changed(state, ending, value)), 32)


@pytest.fixture
def registered(monkeypatch):
    """Make a network known to timm under a name, with its configuration."""

    def register(name: str, make, module: str = "resnet", **config) -> None:
        monkeypatch.setitem(registry._model_entrypoints, name, make)
        monkeypatch.setitem(registry._model_to_module, name, module)
        monkeypatch.setitem(registry._model_pretrained_cfgs, name, PretrainedCfg(num_classes=CLASSES, **config))

    return register


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


class _Volume(nn.Module):
    """A network whose volume is made by `shape` of (B, 16, 4, 4) maps."""

    num_classes, num_features = CLASSES, 16

    def __init__(self, shape, **more) -> None:
        super().__init__()
        self.stem, self.head, self._shape = nn.Conv2d(3, 16, 8, 8), nn.Linear(16, CLASSES), shape
        self.feature_info = [{"num_chs": 16, "reduction": 8, "module": "stem"}]
        for name, value in more.items():
            setattr(self, name, value)

    def forward_features(self, x: torch.Tensor):
        return self._shape(self.stem(x))

    def forward_head(self, volume: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        pooled = volume.mean(dim=1)
        return pooled if pre_logits else self.head(pooled)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.forward_head(self.forward_features(x))

    def get_classifier(self) -> nn.Module:
        return self.head


def tokens(maps: torch.Tensor) -> torch.Tensor:
    """(B, 16, 4, 4) → (B, 16, 16): positions × channels."""
    return maps.flatten(2).transpose(1, 2)


def with_class_token(maps: torch.Tensor) -> torch.Tensor:
    return torch.cat([100 + tokens(maps)[:, :1], tokens(maps)], dim=1)


class _Maps(_Volume):
    """The same with maps as its volume."""

    def __init__(self) -> None:
        super().__init__(lambda maps: maps)

    def forward_head(self, volume: torch.Tensor, pre_logits: bool = False) -> torch.Tensor:
        return super().forward_head(volume.flatten(2).transpose(1, 2), pre_logits)


def looked_at(model: nn.Module, side: int = 32) -> Backbone:
    torch.manual_seed(0)
    config = {"input_size": (3, side, side), "mean": (0.5,) * 3, "std": (0.5,) * 3}
    return Backbone.from_timm(model, "toy", config)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [(lambda m: [m, m], "list"), (lambda m: (m,), "tuple"), (lambda m: m.mean(dim=(2, 3)), r"\(4, 16\)")],
)
@pytest.mark.parametrize("size", [None, 32])
def test_a_volume_that_is_no_tensor_of_maps_is_named_and_not_the_image_size(saved, registered, shape, kind, size):
    registered("toy", lambda pretrained=False, **_: _Volume(shape), input_size=(3, 32, 32), classifier="head")
    weights = saved(_Volume(shape).state_dict())
    with pytest.raises(HeatError, match=rf"^The feature volume of toy is not one tensor .* \({kind}\): choose another"):
        load_backbone("toy", weights, size)


@pytest.mark.parametrize("count", [1, 2], ids=["class token", "class and distillation token"])
def test_class_tokens_alone_have_no_std(count, home):
    backbone = looked_at(_Volume(lambda maps: tokens(maps)[:, :count]))
    assert not backbone.has_positions
    assert [column.name for column in pooled_columns(backbone)] == ["avg"]
    pixels = torch.randn(3, 3, 32, 32)
    assert backbone(pixels)[1] is None
    with pytest.raises(HeatError, match="without positions"):
        backbone.std_pool(backbone.model.forward_features(pixels))
    found = extract(backbone, open_dataset("demo-digits", "test").limited(1), torch.device("cpu"))
    assert found.std is None
    assert not list(home.rglob("std.npy"))


@pytest.mark.parametrize(
    ("shape", "more", "first"),
    [
        (with_class_token, {}, 1),
        (with_class_token, {"num_prefix_tokens": 1}, 1),
        (tokens, {}, 0),
        (tokens, {"num_prefix_tokens": 0}, 0),
        (with_class_token, {"num_prefix_tokens": 0}, 0),
    ],
    ids=["not announced", "announced", "none", "none announced", "as announced"],
)
def test_std_is_taken_over_the_positions(shape, more, first):
    backbone = looked_at(_Volume(shape, **more))
    pixels = torch.randn(3, 3, 32, 32)
    expected = backbone.model.forward_features(pixels)[:, first:].numpy().std(axis=1)
    np.testing.assert_allclose(backbone(pixels)[1], expected, rtol=1e-5)


def test_maps_of_one_position_have_no_std():
    backbone = looked_at(_Maps())
    assert backbone.has_positions
    small = looked_at(_Maps(), 8)
    assert not small.has_positions
    assert [column.name for column in pooled_columns(small)] == ["avg"]
    with pytest.raises(HeatError, match=r"\(2, 16, 1, 1\), without positions"):
        small.std_pool(small.model.forward_features(torch.randn(2, 3, 8, 8)))


def test_a_run_without_positions_says_that_it_has_no_gmm_std(monkeypatch):
    backbone = looked_at(_Volume(lambda maps: tokens(maps)[:, :1]))
    monkeypatch.setattr(sources, "load_backbone", lambda *_: backbone)
    settings = {"width": 8, "updates": 1, "epochs": 1, "langevin_steps": 1}
    asked = Experiment(
        id="demo-digits", id_test="demo-digits", ood={"far": "demo-photo-patches"}, backbone="toy", preset="quick"
    )
    asked.settings, asked.detectors, asked.limit, asked.map = settings, [], 20, False
    done = run(asked)
    assert done.priors == ["gmm", "el"]
    assert done.left_out["gmm-std"].startswith("gmm-std is left out: ")
    assert "toy gives class tokens only: there is no std-pooling, and no GMM-std." in done.record.notes
    assert "gmm-std" not in done.metrics()
