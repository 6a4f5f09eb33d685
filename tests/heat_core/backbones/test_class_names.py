"""Names of a network's classes: from the network, from its file; the head is put in the order of the folders."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision import transforms

from heat_core.backbones.backbone import Backbone
from heat_core.backbones.class_names import class_names_of, parse_class_names, read_class_names
from heat_core.backbones.registry import load_backbone
from heat_core.features.features import Features
from heat_core.features.heads import choose_head, logits_of
from heat_core.names import match_names

NAMES = ["red", "green", "blue"]


class Colours(nn.Module):
    """Means of the three channels, of which a linear layer tells the largest; its classes are red, green, blue."""

    class_names = NAMES

    def __init__(self):
        super().__init__()
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(3, 3)
        self.fc.load_state_dict({"weight": 9 * torch.eye(3), "bias": torch.zeros(3)})

    def forward(self, images):
        return self.fc(self.pool(images).flatten(1))


def of_folders(names: list[str], index: list[int]) -> Features:
    """Features of 30 images whose classes are folders in this order; `index` has the network's class of each folder."""
    labels = np.arange(30) % len(names)
    avg = np.eye(3, dtype=np.float32)[np.array(index)[labels]]
    ids = [f"{i}" for i in range(30)]
    return Features(avg, None, labels, ids, names, all_class_names=names, class_indices=list(range(len(names))))


def wrapped() -> Backbone:
    transform = transforms.Compose([transforms.Resize((8, 8)), transforms.ToTensor()])
    return Backbone.wrap(Colours(), transform)


@pytest.mark.parametrize("folders", [["blue", "green", "red"], ["Blue", "GREEN", "red "]], ids=["same", "other case"])
def test_a_head_is_put_in_the_order_of_the_folders_by_name(folders):
    backbone, train = wrapped(), of_folders(folders, [2, 1, 0])
    chosen = choose_head(backbone.head, train, class_names=class_names_of(backbone.model))
    assert chosen.refit is None
    assert chosen.reason == "The model's own head is used (100.0% of the training images right)."
    np.testing.assert_array_equal(chosen.head[0], backbone.head[0][[2, 1, 0]])
    assert (logits_of(train, chosen.head).argmax(axis=1) == train.labels).all()


def test_classes_without_samples_are_left_out_by_name():
    train = replace(of_folders(["blue", "red"], [2, 0]), all_class_names=["blue", "green", "red"], class_indices=[0, 2])
    chosen = choose_head(wrapped().head, train, class_names=NAMES)
    assert chosen.refit is None
    np.testing.assert_array_equal(chosen.head[0], wrapped().head[0][[2, 0]])


def test_names_that_do_not_match_leave_the_head_to_its_accuracy():
    for names in (["x", "y", "z"], ["LABEL_0", "LABEL_1", "LABEL_2"], ["red", "green"], ["red", "Red", "blue"]):
        assert choose_head(wrapped().head, of_folders(["a", "b", "c"], [0, 1, 2]), class_names=names).refit is None
        assert choose_head(wrapped().head, of_folders(["a", "b", "c"], [2, 1, 0]), class_names=names).refit is not None


@pytest.mark.parametrize(
    ("own", "wanted", "order"),
    [
        (["red_deer", "Fallow-Deer"], ["fallow deer", "red deer"], [1, 0]),
        (["a", "A"], ["A", "a"], [1, 0]),
        (["a b", "a_b"], ["A B", "c"], None),
        (["a", "A"], ["b", "a"], None),
        (["caf\u00e9", "b"], ["b", "cafe\u0301"], [1, 0]),
    ],
)
def test_spellings_match_where_they_are_unambiguous(own, wanted, order):
    assert match_names(own, wanted) == order


@pytest.mark.parametrize("told", [NAMES, tuple(NAMES), dict(enumerate(NAMES)), {"0": "red", "1": "green", "2": "blue"}])
def test_names_are_given_in_several_forms(told):
    assert parse_class_names(told) == NAMES
    assert parse_class_names({"red": 0, "blue": 2, "green": 1}) == NAMES


@pytest.mark.parametrize("told", [None, 3, [1, 2], {0: "a", 2: "b"}, {"a": 1}, {}, {0: 1}, nn.Linear(1, 1)])
def test_what_names_no_classes_gives_none(told):
    assert parse_class_names(told) == []


def test_names_in_weights_files_are_read(tmp_path):
    state = {"fc.weight": torch.ones(3, 2)}
    save_file(state, tmp_path / "a.safetensors", metadata={"class_names": json.dumps(NAMES), "format": "pt"})
    torch.save({"state_dict": state, "class_to_idx": {"green": 1, "red": 0, "blue": 2}}, tmp_path / "b.pth")
    torch.save({"state_dict": state, "meta": {"CLASSES": NAMES}}, tmp_path / "c.ckpt")
    torch.save(state, tmp_path / "d.pth")
    (tmp_path / "e.bin").write_bytes(b"no weights")
    names = [read_class_names(path) for path in sorted(tmp_path.iterdir())]
    assert names == [NAMES, NAMES, NAMES, [], []]


def test_names_stay_with_an_exported_network(tmp_path):
    wrapped().save(tmp_path / "net.pt2")
    assert class_names_of(load_backbone(f"torch:{tmp_path / 'net.pt2'}").model) == NAMES
