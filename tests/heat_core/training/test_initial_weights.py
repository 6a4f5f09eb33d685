"""Trainings that begin from the weights of an earlier one, whose classes are taken over by their names."""

from dataclasses import replace

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from heat_core import HeatError
from heat_core.__main__ import main
from heat_core.backbones.resnet_recipe import read_training_record
from heat_core.backbones.timm_models import small_resnet
from heat_core.digests import digest_of_file
from heat_core.errors import Cancelled
from heat_core.training.initial_weights import read_initial_weights
from tests.heat_core.training.small_training import SMALL, trained

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def parent(folders, tmp_path):
    """Weights of a network with the classes a and b."""
    file = tmp_path / "parent.safetensors"
    trained(folders, file)
    return file


@pytest.fixture
def more_folders(folders, tmp_path, image_folder):
    """Write the same images, and a class `0 new` whose images have no green; its name comes first in their order."""
    for folder, count in ((tmp_path / "train", 16), (tmp_path / "test", 5)):
        image_folder(folder, {"0 new": count})
        for file in (folder / "0 new").iterdir():
            red, green, blue = Image.open(file).split()
            Image.merge("RGB", (red, green.point(lambda _: 0), blue)).save(file)
    return folders


def losses(folders, out, recipe):
    reports, said = [], []
    record = trained(folders, out, recipe, on_progress=reports.append, report=said.append)
    return record, [r["loss"] for r in reports], said


def test_a_class_more_goes_on_from_the_parents_weights(parent, more_folders, tmp_path):
    begin = replace(SMALL, epochs=2, lr=0.02, initial_weights=str(parent))
    record, continued, said = losses(more_folders, tmp_path / "child.safetensors", begin)
    assert said == [
        f"The training begins from {parent}. Classes taken over: 2 (a, b); new: 1 (0 new); no longer there: 0."
    ]
    earlier = read_training_record(parent)
    assert (record.mean, record.std) == (earlier.mean, earlier.std)
    assert record.recipe.initial_weights == digest_of_file(parent)
    assert read_training_record(tmp_path / "child.safetensors") == record
    assert record.class_names == ["0 new", "a", "b"]

    fresh, random, _ = losses(more_folders, tmp_path / "fresh.safetensors", replace(begin, initial_weights=""))
    assert fresh.mean != earlier.mean
    assert continued[0] < 0.8 * random[0]


def test_rows_are_matched_by_name_before_the_training(parent):
    weights = {name: values.float() for name, values in load_file(parent).items()}
    torch.manual_seed(7)
    network = small_resnet(SMALL, 3)
    plain = {name: values.clone() for name, values in network.state_dict().items()}
    said = read_initial_weights(replace(SMALL, initial_weights=str(parent))).copy_to(network, ["b", "c", "d"])
    assert said.endswith("Classes taken over: 1 (b); new: 2 (c, d); no longer there: 1 (a).")
    larger = read_initial_weights(replace(SMALL, initial_weights=str(parent), image_size=48))
    said_of_size = larger.copy_to(small_resnet(SMALL, 2), ["a", "b"])
    assert f"from {parent}, whose images had a side of 32 pixels, not 48. Classes taken over: 2" in said_of_size
    state = network.state_dict()
    for key in ("fc.weight", "fc.bias"):
        assert torch.equal(state[key][0], weights[key][1])
        assert torch.equal(state[key][1:], plain[key][1:])
    rest = state.keys() - {"fc.weight", "fc.bias"}
    assert all(torch.equal(state[key].float(), weights[key]) for key in rest)


def test_interrupted_and_resumed_gives_the_same_bytes(parent, more_folders, tmp_path):
    def stop(report):
        if report["epoch"] == 1:
            raise Cancelled

    begin = replace(SMALL, epochs=2, initial_weights=str(parent))
    whole, stopped = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    with pytest.raises(Cancelled):
        trained(more_folders, stopped, begin, on_progress=stop)
    partial = replace(begin, initial_weights=str(tmp_path / "stopped.partial.safetensors"))
    with pytest.raises(HeatError, match=r"stopped.partial.safetensors is the checkpoint of a training that"):
        trained(more_folders, tmp_path / "other.safetensors", partial)
    with pytest.raises(HeatError, match=r"stopped.partial.safetensors is of another training \(other initial weights"):
        trained(more_folders, stopped, replace(begin, initial_weights=""))
    _, _, said = losses(more_folders, stopped, begin)
    assert said == ["Training continues after epoch 1 of 2, in fp32."]
    trained(more_folders, whole, begin)
    assert whole.read_bytes() == stopped.read_bytes()
    moved = parent.rename(tmp_path / "moved.safetensors")
    _, reports, said = losses(more_folders, whole, replace(begin, initial_weights=str(moved)))
    assert (reports, said) == ([], [f"{whole} is already trained."])


def test_weights_that_cannot_be_continued_are_refused(parent, folders, tmp_path, capsys):
    foreign = tmp_path / "foreign.safetensors"
    save_file({"x": torch.ones(1)}, foreign)
    for changes, sentence in (
        ({"initial_weights": str(foreign)}, "foreign.safetensors was not made by train-backbone: begin from a file"),
        ({"initial_weights": str(tmp_path / "none")}, "none"),
        ({"architecture": "resnet18"}, "are of a resnet10t of width 0.125, not of a resnet18 of width 0.125: train"),
        ({"width": 0.25}, r"not of a resnet10t of width 0.25: train .*\(--arch resnet10t --width 0.125\)"),
    ):
        recipe = replace(SMALL, **{"initial_weights": str(parent)} | changes)
        with pytest.raises(HeatError, match=sentence):
            trained(folders, tmp_path / "child.safetensors", recipe)
    words = ["train-backbone", "--arch", "resnet10t", "--id", folders[0], "--out", str(tmp_path / "child.safetensors")]
    assert main([*words, "--initial-weights", str(parent)]) == 2
    assert "not of a resnet10t of width 1: train the same network" in capsys.readouterr().err
    assert not list(tmp_path.glob("child*"))
