"""Files of weights: what training code put around them is taken off, and another network's weights are refused."""

import argparse

import numpy as np
import pytest
import timm
import torch

from heat_core import HeatError
from heat_core.backbones.timm_models import build_network

pytestmark = pytest.mark.usefixtures("one_thread")
CLASSES = 3


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    """Weights of timm's test_resnet."""
    torch.manual_seed(0)
    return timm.create_model("test_resnet", num_classes=CLASSES).state_dict()


def loaded(folder, content, name: str = "test_resnet") -> dict[str, torch.Tensor]:
    """What a network holds once it was given a file of this content."""
    torch.save(content, folder / "w.pth")
    return build_network(name, str(folder / "w.pth"), None)[0].state_dict()


def same(found: dict[str, torch.Tensor], state: dict[str, torch.Tensor]) -> bool:
    return set(found) == set(state) and all(torch.equal(found[key], state[key]) for key in state)


def under(before: str, state: dict[str, torch.Tensor], add: float = 0) -> dict[str, torch.Tensor]:
    return {before + key: value + add for key, value in state.items()}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s: {
            "model_state_dict": s,
            "optimizer_state_dict": {"state": {0: {"exp_avg": torch.ones(2)}}},
            "epoch": 3,
        },
        lambda s: {"net": s, "acc": 0.9},
        lambda s: {"model": s, "args": argparse.Namespace(lr=1)},
        lambda s: {"checkpoint": {"model": s}},
        lambda s: {"state_dict": under("net.", s)},
        lambda s: {"state_dict": under("module.encoder_q.", s) | {"module.queue": torch.ones(4, 4)}},
        lambda s: {"teacher": under("backbone.", s)},
        lambda s: under("model.", s) | under("ema_model.", s),
    ],
    ids=["tutorial", "net", "with options", "twice", "prefix", "MoCo", "DINO", "the same twice"],
)
def test_weights_are_found_in_whatever_holds_them(tmp_path, state, wrap):
    assert same(loaded(tmp_path, wrap(state)), state)


def test_one_network_twice_with_other_values_is_refused(tmp_path, state):
    """A file that holds the same network twice with different values is refused."""
    both = {"state_dict": under("encoder_q.", state) | under("encoder_k.", state, add=1)}
    with pytest.raises(
        HeatError, match=r"hold the network more than once, under 'encoder_q\.' and 'encoder_k\.': save"
    ):
        loaded(tmp_path, both)


@pytest.mark.parametrize(
    ("name", "of", "more", "key"),
    [
        ("resnet18", "resnet34", {}, r"layer1\.2\.conv1\.weight"),
        ("resnet18", "seresnet18", {}, r"layer1\.0\.se\.fc1\.weight"),
        ("test_vit", "test_vit", {"depth": 8}, r"blocks\.6\.norm1\.weight"),
        ("test_vit", "test_vit", {"init_values": 1e-5}, r"blocks\.0\.ls1\.gamma"),
        ("test_vit", "test_vit", {"qk_norm": True}, r"blocks\.0\.attn\.q_norm\.weight"),
    ],
    ids=["deeper", "squeeze and excite", "more blocks", "layer scale", "norms of queries"],
)
def test_weights_of_a_network_with_more_in_it_are_refused(tmp_path, name, of, more, key):
    state = timm.create_model(of, num_classes=CLASSES, **more).state_dict()
    with pytest.raises(HeatError, match=rf"do not fit {name} \({key} is not part of it\): choose the backbone"):
        loaded(tmp_path, state, name)


@pytest.mark.parametrize(
    "beside",
    [
        {"projector.0.weight": torch.ones(4, 4), "mask_token": torch.ones(1)},
        {"layer1.0.total_ops": torch.zeros(1, dtype=torch.float64), "total_params": torch.zeros(1)},
        {"layer1.0.attn.relative_position_index": torch.zeros(4, dtype=torch.int64)},
        {"layer1.0.attn_mask": torch.zeros(4, 4)},
    ],
    ids=["projector", "counted", "indices", "mask"],
)
def test_what_is_no_part_of_a_network_is_left_out(tmp_path, state, beside):
    assert same(loaded(tmp_path, state | beside), state)


def test_the_layers_of_another_head_stand_for_no_classifier(tmp_path, state):
    body = {key: value for key, value in state.items() if not key.startswith("fc.")}
    assert same(loaded(tmp_path, body | {"fc.0.weight": torch.ones(4, 4), "fc.2.weight": torch.ones(4, 4)}), body)


@pytest.mark.parametrize("content", [[1, 2], torch.ones(3), "text"], ids=["list", "tensor", "text"])
def test_content_without_names_is_refused(tmp_path, content):
    with pytest.raises(HeatError, match="holds no tensors by their names"):
        loaded(tmp_path, content)


def test_pickled_code_is_named_and_not_run(tmp_path, state):
    with pytest.raises(
        HeatError, match=r"read safely \(it would run numpy.*\): save the network's state_dict\(\) alone"
    ):
        loaded(tmp_path, {"state_dict": state, "best": np.float64(1)})


def test_a_folder_of_weights_is_said_to_be_one(tmp_path):
    with pytest.raises(HeatError, match="is a folder: name the file in it"):
        build_network("test_resnet", str(tmp_path), None)
