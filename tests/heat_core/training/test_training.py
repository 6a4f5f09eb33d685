"""Networks trained here: what is learned, what is refused, and what the file makes of a run."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from heat_core import HeatError
from heat_core.__main__ import main
from heat_core.backbones.registry import load_backbone
from heat_core.backbones.resnet_recipe import TrainingRecipe, read_training_record
from heat_core.data.datasets import open_dataset
from heat_core.features.extraction import extract
from heat_core.features.heads import choose_head, logits_of
from heat_core.training import training
from heat_core.training.checkpoints import checkpoint_path
from heat_core.training.image_cache import ImageBatches, load_pixels, read_pixels
from tests.heat_core.training.small_training import CPU, SMALL, trained

pytestmark = pytest.mark.usefixtures("one_thread")


def test_what_was_trained_is_a_whole_backbone(folders, tmp_path, home):
    """What was trained is a backbone with its own head and transform."""
    reports, out = [], tmp_path / "deep" / "er" / "net.safetensors"
    made = trained(folders, out, on_progress=reports.append)
    assert (made.test_accuracy, made.test_images, made.epochs_done) == (1.0, 10, 3)
    assert read_training_record(out) == made
    assert [(r["epoch"], r["step"], r["steps"]) for r in reports] == [(1, 4, 4), (2, 4, 4), (3, 4, 4)]
    assert reports[-1]["loss"] < reports[0]["loss"]
    assert reports[0]["eta"] > reports[-1]["eta"] == 0
    assert not checkpoint_path(out).exists()

    backbone, images = load_backbone("resnet10t", str(out)), open_dataset(folders[1])
    assert backbone.head[0].shape == (2, 64)
    plain = ImageBatches(load_pixels(images, 32), made.mean, made.std, CPU).normalised(slice(None))
    shown = torch.stack([backbone.transform(images.open(i)) for i in range(len(images))])
    torch.testing.assert_close(plain, shown, atol=1e-5, rtol=1e-5)
    features = extract(backbone, open_dataset(folders[0]), CPU)
    assert "The model's own head is used" in choose_head(backbone.head, features, backbone.no_head_reason).reason
    features = extract(backbone, images, CPU)
    assert (logits_of(features, backbone.head).argmax(axis=1) == features.labels).mean() == made.test_accuracy


def test_unreadable_images_are_skipped_and_sizes_made_one(folders, tmp_path):
    """Unreadable images are skipped and counted, and images of different sizes are brought to one size."""
    train_folder = Path(folders[0])
    (train_folder / "a" / "003.png").write_text("I am no image")
    (train_folder / "b" / "004.png").write_bytes(b"")
    Image.new("RGB", (70, 50), (250, 10, 10)).save(train_folder / "a" / "wide.png")
    said = []
    trained(folders, tmp_path / "net.safetensors", replace(SMALL, epochs=1, image_size=16), report=said.append)
    assert said == ["2 images of train cannot be read and are left out, a/003.png first."]
    pixels = load_pixels(open_dataset(folders[0]), 16)
    assert pixels.values.shape == (31, 16, 16, 3)
    assert pixels.skipped == ["a/003.png", "b/004.png"]
    np.testing.assert_array_equal(pixels.labels, [0] * 16 + [1] * 15)
    np.testing.assert_array_equal(pixels.values[15], np.broadcast_to([250, 10, 10], (16, 16, 3)))
    assert load_backbone("resnet10t", str(tmp_path / "net.safetensors")).input_size == (16, 16)


def test_a_class_without_a_readable_image_is_named(folders, tmp_path):
    for file in Path(folders[0], "b").iterdir():
        file.write_text("no")
    with pytest.raises(HeatError, match="No image of the class b can be read"):
        trained(folders, tmp_path / "net.safetensors")
    for file in Path(folders[1]).rglob("*.png"):
        file.write_text("no")
    with pytest.raises(HeatError, match="None of the 10 images of 'test'"):
        load_pixels(open_dataset(folders[1]), 32)


def test_classes_of_a_test_set_are_matched_by_name(folders, tmp_path, image_folder):
    """A test set of other classes is refused, and one of fewer classes is matched by name."""
    image_folder(tmp_path / "pets", {"b": 2, "cat": 2})
    with pytest.raises(HeatError, match=r"'pets' has classes that the training set has not \(cat\)"):
        trained((folders[0], str(tmp_path / "pets")), tmp_path / "net.safetensors")
    image_folder(tmp_path / "flat", {"": 2})
    with pytest.raises(HeatError, match="'flat' has no classes"):
        trained((folders[0], str(tmp_path / "flat")), tmp_path / "net.safetensors")
    image_folder(tmp_path / "fewer", {"b": 3})
    _, unseen = read_pixels(open_dataset(folders[0]), open_dataset(str(tmp_path / "fewer")), 32, print)
    np.testing.assert_array_equal(unseen.labels, [1, 1, 1])


def test_the_learning_rate_goes_up_and_down_once():
    rates = [training.one_cycle(progress) for progress in (0, 0.1, 0.2, 0.6, 1)]
    assert rates == pytest.approx([0, 0.5, 1, 0.5, 0])


def test_the_faster_precision_is_taken_and_said(folders, tmp_path, monkeypatch):
    seconds = {"fp32": 2.0, "bf16": 1.0}
    monkeypatch.setattr(training.Trainer, "time_step", lambda _, precision: seconds[precision])
    said, recipe = [], replace(SMALL, epochs=1, precision="auto")
    assert trained(folders, tmp_path / "a.safetensors", recipe, report=said.append).precision == "bf16"
    assert said == ["A step takes fp32 2.000 s and bf16 1.000 s: bf16 is used."]


def test_measuring_a_step_changes_nothing(folders, tmp_path):
    auto = trained(folders, tmp_path / "a.safetensors", replace(SMALL, epochs=1, precision="auto"))
    trained(folders, tmp_path / "b.safetensors", replace(SMALL, epochs=1, precision=auto.precision))
    a, b = (load_file(tmp_path / name) for name in ("a.safetensors", "b.safetensors"))
    assert all(torch.equal(a[key], b[key]) for key in b)


@pytest.mark.parametrize(("of_half", "kept"), [(0.9, torch.float16), (0.8995, torch.float16), (0.8, torch.float32)])
def test_weights_are_stored_in_half_where_that_costs_no_accuracy(folders, tmp_path, monkeypatch, of_half, kept):
    measured = [0.9, of_half]
    monkeypatch.setattr(training.Trainer, "accuracy", lambda *_: measured.pop(0))
    made = trained(folders, tmp_path / "net.safetensors", replace(SMALL, epochs=1))
    assert load_file(tmp_path / "net.safetensors")["fc.weight"].dtype == kept
    assert made.test_accuracy == (of_half if kept == torch.float16 else 0.9)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("resnet5000", "timm has no model 'resnet5000'"),
        ("test_vit", "test_vit is not one of timm's ResNets"),
        ("resnetv2_50", "resnetv2_50 is not one of timm's ResNets"),
    ],
)
def test_a_name_that_is_no_resnet_is_refused(folders, tmp_path, name, sentence):
    with pytest.raises(HeatError, match=sentence):
        trained(folders, tmp_path / "net.safetensors", replace(SMALL, architecture=name))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"width": 0.3}, "width must be a multiple of 0.125"),
        ({"width": 0}, "width must be"),
        ({"image_size": 4}, "image size must be at least 8"),
        ({"epochs": 0}, "number of epochs must be at least 1"),
        ({"batch_size": 1}, "batch size must be at least 2"),
        ({"lr": float("nan")}, "learning rate must be above 0"),
        ({"weight_decay": -1}, "weight decay must be at least 0"),
        ({"label_smoothing": 1.0}, "label smoothing must be"),
        ({"precision": "fp8"}, "precision must be one of auto, fp32, bf16"),
        ({"seed": -1}, "seed must be between"),
    ],
)
def test_impossible_settings_are_refused(folders, tmp_path, change, sentence):
    with pytest.raises(HeatError, match=sentence):
        trained(folders, tmp_path / "net.safetensors", replace(SMALL, **change))


def test_places_that_cannot_be_written_are_refused_first(folders, tmp_path):
    """Places that cannot be written are refused before the work begins."""
    (tmp_path / "file").write_text("")
    for out, sentence in (
        (tmp_path, "is the folder .*backbone.safetensors"),
        (tmp_path / "net.pt", "must end in .safetensors"),
        (tmp_path / "file" / "net.safetensors", r"cannot be written \("),
        (tmp_path / f"{'n' * 240}.safetensors", r"cannot be written \(File name too long\)"),
    ):
        with pytest.raises(HeatError, match=sentence):
            trained(folders, out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "test", "train"]


def test_one_class_is_refused(tmp_path, image_folder):
    image_folder(tmp_path / "one", {"a": 4})
    with pytest.raises(HeatError, match="at least two classes"):
        trained((str(tmp_path / "one"), str(tmp_path / "one")), tmp_path / "net.safetensors")


def test_the_command_trains_and_its_file_makes_a_run(folders, tmp_path, image_folder, capsys):
    out = tmp_path / "net.safetensors"
    words = "--arch resnet10t --width 0.125 --epochs 2 --batch-size 8 --lr 0.05 --limit 15 --seed 3 --json"
    sets = ["--id", folders[0], "--id-test", folders[1]]
    assert main(["train-backbone", *sets, "--out", str(out), *words.split()]) == 0
    printed = capsys.readouterr()
    assert "[train] epoch 2/2: loss " in printed.err
    assert f"heat run … --backbone resnet10t --weights {out}" in printed.out.splitlines()
    said = json.loads(printed.out.splitlines()[-1])
    made = read_training_record(out)
    assert said == {"weights": str(out), "test_accuracy": made.test_accuracy, "test_images": 10}
    assert made.recipe == TrainingRecipe("resnet10t", 0.125, 32, 2, 8, 0.05, seed=3)

    image_folder(tmp_path / "other", {"": 6})
    words = "--backbone resnet10t --priors el --preset quick --set epochs=1 --no-map --detectors"
    assert main(["run", *sets, "--ood", f"other={tmp_path / 'other'}", "--weights", str(out), *words.split()]) == 0
    assert "heat-el" in capsys.readouterr().out


def test_without_test_images_every_fifth_is_held_out(folders, tmp_path, capsys):
    words = "--arch resnet10t --width 0.125 --epochs 1 --precision fp32 --json"
    out = str(tmp_path / "net.safetensors")
    assert main(["train-backbone", "--id", folders[0], "--out", out, *words.split()]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["test_images"] == 6


def test_mistakes_of_the_command_end_in_one_sentence(folders, tmp_path, capsys):
    words = ["train-backbone", "--id", folders[0], "--arch", "resnet10t", "--out", str(tmp_path)]
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("heat_core: --out is the folder")
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    assert "\n  train-backbone " in capsys.readouterr().out
