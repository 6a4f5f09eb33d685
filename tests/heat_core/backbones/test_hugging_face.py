"""Classifiers of Hugging Face's transformers, from folders that were drawn at random."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from heat_core import Experiment, HeatError, run
from heat_core.backbones.registry import Backbone, load_backbone
from heat_core.pipeline.scoring import score
from heat_core.studies.request import fingerprint_of

transformers = pytest.importorskip("transformers", reason="needs the extra hf")
pytestmark = pytest.mark.usefixtures("one_thread")
CLASSES, SQUARE, MEAN, STD = 5, {"height": 64, "width": 64}, [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]


def models():
    """Name → a small network and its image processor."""
    t, of = transformers, {"num_labels": CLASSES, "image_size": 64}
    vit = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    small = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]}
    return {
        "vit": (t.ViTConfig(**vit, intermediate_size=64, patch_size=16, **of), t.ViTImageProcessor(size=SQUARE)),
        "resnet": (
            t.ResNetConfig(embedding_size=8, **small, layer_type="basic", num_labels=CLASSES),
            t.BitImageProcessor(size={"shortest_edge": 72}, crop_size=SQUARE),
        ),
        "convnext": (t.ConvNextConfig(**small, **of), t.ConvNextImageProcessor(size={"shortest_edge": 64})),
        "swin": (
            t.SwinConfig(embed_dim=12, depths=[1, 1], num_heads=[1, 2], window_size=4, **of),
            t.ViTImageProcessor(size=SQUARE, image_mean=MEAN, image_std=STD),
        ),
    }


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Where `save_pretrained` put them."""
    home = tmp_path_factory.mktemp("hf")
    for name, (config, processor) in models().items():
        torch.manual_seed(0)
        module = transformers.AutoModelForImageClassification.from_config(config)
        torch.nn.init.normal_(next(p for n, p in module.named_parameters() if n.startswith("classifier")), std=0.2)
        module.save_pretrained(home / name)
        processor.save_pretrained(home / name)
    return home


def noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(3).integers(0, 255, (90, 130, 3), dtype=np.uint8))


@pytest.mark.parametrize("name", ["vit", "resnet", "convnext", "swin"])
def test_features_are_those_of_the_network_and_its_processor(folders, name):
    backbone = load_backbone(f"hf:{folders / name}")
    module = transformers.AutoModelForImageClassification.from_pretrained(folders / name)
    processor = transformers.AutoImageProcessor.from_pretrained(folders / name)
    image = noise()
    pixels = backbone.transform(image)[None]
    torch.testing.assert_close(pixels, processor(image, return_tensors="pt")["pixel_values"])
    with torch.inference_mode():
        avg, std = backbone(pixels)
        found = module(pixels, output_hidden_states=True)
    weight, bias = backbone.head
    assert weight.shape[0] == CLASSES
    np.testing.assert_allclose(avg.double().numpy() @ weight.T + bias, found.logits, rtol=1e-4, atol=1e-5)
    assert std.shape[0] == 1
    assert (std > 0).any()
    if name in ("resnet", "convnext"):  # the others normalise once more
        volume = found.hidden_states[-1]
        torch.testing.assert_close(std, volume.std(dim=(2, 3), correction=0), rtol=1e-4, atol=1e-6)
    if name == "swin":
        assert backbone.pixel_std.flatten().tolist() == pytest.approx(STD, abs=1e-4)


def test_the_class_token_is_no_position(folders):
    backbone = load_backbone(f"hf:{folders / 'vit'}")
    volume = backbone.extractor.forward(torch.randn(1, 3, 64, 64)).volume
    assert (volume.shape[1], backbone.grid(volume)) == (17, (4, 4))


def test_a_run_and_new_images_through_a_folder(folders, tmp_path, monkeypatch, image_folder):
    monkeypatch.chdir(folders)
    known, other = image_folder(tmp_path / "known", {"a": 10, "b": 10}), image_folder(tmp_path / "other", {"": 6})
    e = Experiment(id=str(known), ood={"other": str(other)}, backbone="hf:resnet", preset="quick", map=False)
    e.settings, e.detectors = {"width": 8, "updates": 1, "epochs": 1, "langevin_steps": 1}, ["msp"]
    done = run(e)
    assert done.experiment.backbone == f"hf:{folders / 'resnet'}"
    assert done.experiment.network == "resnet"
    monkeypatch.chdir(tmp_path)
    found = score(done, [other])
    np.testing.assert_allclose(found.scores(done.scale), done.scores("other"), rtol=1e-4, atol=1e-4)


def test_a_study_sees_that_a_file_of_the_folder_changed(folders, tmp_path, image_folder):
    copied = shutil.copytree(folders / "resnet", tmp_path / "resnet")
    known, other = image_folder(tmp_path / "known", {"a": 5, "b": 5}), image_folder(tmp_path / "other", {"": 6})
    e = Experiment(id=str(known), ood={"other": str(other)}, backbone=f"hf:{copied}")
    before = fingerprint_of(e)
    (copied / "model.safetensors").write_bytes(b"other")
    assert fingerprint_of(e) != before


def damaged(folder, target, how):
    shutil.copytree(folder, target)
    how(target)
    return f"hf:{target}"


def with_pickled_weights(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")


def with_code(folder):
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace('"model_type": "vit"', '"model_type": "mine", ' + AUTO_MAP))
    (folder / "mine.py").write_text("open('marker', 'w')")


AUTO_MAP = '"auto_map": {"AutoConfig": "mine.C", "AutoModelForImageClassification": "mine.M"}'


@pytest.mark.parametrize(
    ("how", "why"),
    [
        (with_pickled_weights, "no file named model.safetensors"),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "preprocessor_config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "could not be loaded"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"cut off"), "could not be loaded"),
        (with_code, "could not be loaded"),
    ],
)
def test_folders_that_will_not_do_are_refused_with_a_sentence(folders, tmp_path, monkeypatch, how, why):
    name = damaged(folders / "vit", tmp_path / "vit", how)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HeatError, match=f"vit could not be loaded .*{why}|{why}") as caught:
        load_backbone(name)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "marker").exists()


def test_an_id_that_cannot_be_had_offline():
    with pytest.raises(HeatError, match=r"hf:nobody/nothing could not be loaded .*: connect to the internet once"):
        load_backbone("hf:nobody/nothing")


def test_a_network_without_its_head_is_none(tmp_path):
    config, processor = models()["vit"]
    transformers.ViTModel(config).save_pretrained(tmp_path / "vit")
    processor.save_pretrained(tmp_path / "vit")
    with pytest.raises(HeatError, match=r"has no weights for classifier\.bias, so that it is no finished classifier"):
        load_backbone(f"hf:{tmp_path / 'vit'}")


def test_a_module_of_transformers_can_be_wrapped_too(folders):
    module = transformers.AutoModelForImageClassification.from_pretrained(folders / "convnext")
    named = load_backbone(f"hf:{folders / 'convnext'}")
    backbone = Backbone.wrap(module, named.transform, head="classifier")
    pixels = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(backbone(pixels)[0], named(pixels)[0])


def test_no_other_module_imports_it():
    code = "import sys, heat_core.backbones.registry as b; b.load_backbone('heat-demo-resnet')"
    code += "; print('transformers' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
