"""Feature volumes of networks of timm: maps, tokens, and what is neither."""

import numpy as np
import pytest
import torch
from torch import nn

from heat_core import Experiment, HeatError, run
from heat_core.backbones.registry import Backbone, load_backbone
from heat_core.data.datasets import open_dataset
from heat_core.features.columns import pooled_columns
from heat_core.features.extraction import extract
from heat_core.pipeline import sources

pytestmark = pytest.mark.usefixtures("one_thread")
CLASSES = 3


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
def test_a_volume_that_is_no_tensor_of_maps_is_named(saved, registered, shape, kind, size):
    """A volume that is no tensor of maps is named as the cause, and the image size is not."""
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
