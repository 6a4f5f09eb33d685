"""Files that say how their network is built: by which names they load, and what they may say."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from heat_core import HeatError
from heat_core.backbones.registry import cifar_network, load_backbone
from heat_core.backbones.resnet_recipe import TrainingRecipe, TrainingRecord, read_training_record
from heat_core.backbones.timm_models import small_resnet
from heat_core.training.checkpoints import write_weights

pytestmark = pytest.mark.usefixtures("one_thread")


def a_file(path: Path, recipe: TrainingRecipe, classes: int) -> str:
    """A weights file as a training leaves it, of random weights."""
    torch.manual_seed(0)
    names = [f"class {c}" for c in range(classes)]
    made = TrainingRecord(recipe, names, (0.1, 0.2, 0.3), (0.4, 0.5, 0.6), "", "fp32", recipe.epochs, 0.5, 10)
    write_weights(path, small_resnet(recipe, classes).state_dict(), made)
    return str(path)


@pytest.mark.parametrize("name", ["resnet18", "resnet18.a1_in1k", "resnet18_cifar10"])
def test_every_name_of_a_network_loads_it_as_trained(tmp_path, name):
    """Every name of the same network loads it as it was trained."""
    file = a_file(tmp_path / "w.safetensors", TrainingRecipe("resnet18", width=0.125, image_size=16), 10)
    backbone = load_backbone(name, file)
    assert backbone.head[0].shape == (10, 64)
    assert backbone.input_size == (16, 16)
    normalise = backbone.transform.transforms[-1]
    assert (normalise.mean.tolist(), normalise.std.tolist()) == (
        pytest.approx([0.1, 0.2, 0.3]),
        pytest.approx([0.4, 0.5, 0.6]),
    )
    assert load_backbone(name, file, 24).input_size == (24, 24)


@pytest.mark.parametrize("name", ["resnet34", "resnet18_cifar100", "resnet18_supcon_cifar10", "test_vit", "nothing"])
def test_the_name_of_another_network_is_refused(tmp_path, name):
    file = a_file(tmp_path / "w.safetensors", TrainingRecipe("resnet18", width=0.125), 10)
    with pytest.raises(HeatError, match=rf"a resnet18 of width 0.125 with 10 classes.*not of {name}: choose the back"):
        load_backbone(name, file)


@pytest.mark.parametrize(
    "said", ["no JSON", "[]", '{"format": 1}', '{"format": 2}', '{"format": 1, "recipe": {"depth": 3}}'], ids=str
)
def test_what_a_file_says_wrongly_is_a_sentence(tmp_path, said):
    file = tmp_path / "w.safetensors"
    save_file({"x": torch.ones(1)}, file, {"heat_backbone": said})
    with pytest.raises(HeatError, match=r"w.safetensors (is damaged|was made by another version)"):
        load_backbone("resnet18", str(file))


def test_files_that_say_nothing_of_a_training_are_read_as_before(tmp_path):
    assert read_training_record(tmp_path / "nothing.safetensors") is None
    (tmp_path / "damaged.safetensors").write_bytes(b"no tensors")
    assert read_training_record(tmp_path / "damaged.safetensors") is None
    torch.save({"x": torch.ones(1)}, tmp_path / "w.pt")
    assert read_training_record(tmp_path / "w.pt") is None


@pytest.mark.filterwarnings("ignore:Initializing zero-element")
def test_networks_are_as_wide_as_asked():
    half = small_resnet(TrainingRecipe("resnet18", width=0.5), 10)
    assert (half.conv1.weight.shape, half.fc.in_features) == ((32, 3, 3, 3), 256)
    assert sum(p.numel() for p in half.parameters()) == 2_797_610
    whole, known = small_resnet(TrainingRecipe("resnet34"), 10).state_dict(), cifar_network("resnet34", 10).state_dict()
    assert {key: v.shape for key, v in whole.items()} == {key: v.shape for key, v in known.items()}
    with pytest.raises(HeatError, match=r"resnext50_32x4d has layers without channels at width 0\.125"):
        small_resnet(TrainingRecipe("resnext50_32x4d", width=0.125), 10)
