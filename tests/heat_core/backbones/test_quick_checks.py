"""Mistakes in a backbone's name or weights file that are told before a job starts, without torch."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest
import timm
from safetensors.numpy import save_file

from heat_core.backbones.quick_checks import CIFAR_PRESETS, DEMO, check_backbone, check_weights, timm_names
from heat_core.backbones.resnet_recipe import TrainingRecipe, TrainingRecord
from heat_core.errors import HeatError


def test_timms_names_are_those_of_timm():
    names, _ = timm_names()
    assert set(timm.list_models(include_tags=False)) <= names
    assert all(timm.is_model(name) for name in names)
    for name in (*timm.list_models(), *timm.list_pretrained(), *CIFAR_PRESETS, DEMO, "hf-hub:a/b", "wrapped:x"):
        check_backbone(name)


def test_no_torch_is_imported():
    code = (
        "import sys\nfrom heat_core.backbones.quick_checks import check_backbone\n"
        "check_backbone('resnet18')\nprint('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("resnet5O", "timm has no model 'resnet5O' \\(did you mean .*resnet50"),
        ("resnet50.a1_in1kk", "no weights 'resnet50.a1_in1kk': choose among .*resnet50.a1_in1k,"),
        ("torch:{}/none.pt2", "The program .*none.pt2 does not exist"),
        ("torch:{}", "is a folder: name the file in it"),
        ("torch:{}/text.pt2", "is not a program of torch.export"),
        ("hf:{}/none", "none does not exist"),
        ("hf:{}", "has no config.json"),
        ("hf:~/no model", "does not exist"),
    ],
)
def test_a_backbone_that_cannot_exist_is_refused(name, sentence, tmp_path):
    (tmp_path / "text.pt2").write_text("text")
    with pytest.raises(HeatError, match=sentence):
        check_backbone(name.format(tmp_path))


@pytest.mark.parametrize("options", [{"weights": "w.safetensors"}, {"image_size": 32}])
@pytest.mark.parametrize("name", ["torch:a.pt2", "hf:a/b"])
def test_what_has_weights_of_its_own_takes_no_others(name, options):
    with pytest.raises(HeatError, match="leave the others out"):
        check_backbone(name, **options)


def test_weights_of_any_known_kind_pass(tmp_path):
    save_file({"a": np.zeros(2)}, tmp_path / "a.safetensors")
    (tmp_path / "blob").write_bytes((tmp_path / "a.safetensors").read_bytes())
    with zipfile.ZipFile(tmp_path / "b.pth", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    (tmp_path / "old.pt").write_bytes(b"\x80\x02")
    (tmp_path / "config.json").write_text("{}")
    for name in ("a.safetensors", "blob", "b.pth", "old.pt"):
        check_weights(str(tmp_path / name), "resnet18")
    check_backbone(f"hf:{tmp_path}")
    check_backbone(f"torch:{tmp_path / 'b.pth'}")
    check_backbone("hf:microsoft/resnet-18")


def test_files_that_are_no_weights_are_refused(tmp_path):
    save_file({"a": np.zeros(200)}, tmp_path / "whole.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "whole.safetensors").read_bytes()[:100])
    (tmp_path / "page.safetensors").write_text("<!doctype html>")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n")
    for name in ("cut.safetensors", "page.safetensors", "empty.pth", "picture.png"):
        with pytest.raises(HeatError, match=f"{name} is not a weights file, or is cut off"):
            check_weights(str(tmp_path / name), "resnet18")
    with pytest.raises(HeatError, match="does not exist"):
        check_weights(str(tmp_path / "none.pth"), "resnet18")
    with pytest.raises(HeatError, match="is a folder: name the file in it"):
        check_weights(str(tmp_path), "resnet18")


def test_weights_of_another_network_are_refused(tmp_path):
    half, file = (0.5, 0.5, 0.5), tmp_path / "a.safetensors"
    record = TrainingRecord(TrainingRecipe("resnet34"), ["a", "b"], half, half, "", "fp32")
    save_file({"a": np.zeros(2)}, file, record.metadata())
    check_weights(str(file), "resnet34")
    with pytest.raises(HeatError, match=r"are of a resnet34 .* not of resnet18: choose the backbone resnet34"):
        check_weights(str(file), "resnet18")
