import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from heat_core import HeatError
from heat_core.backbones.registry import CIFAR_PRESETS, cifar_network, load_backbone
from heat_core.features.heads import fit_head


def saved(path, name: str, **keywords):
    """A weights file of a randomly initialised model, in float16."""
    torch.manual_seed(0)
    model = timm.create_model(name, **keywords)
    save_file({k: v.half() if v.is_floating_point() else v for k, v in model.state_dict().items()}, path)
    return str(path)


@pytest.mark.parametrize(
    ("name", "size"), [("test_resnet", 96), ("test_vit", 160), ("test_convnext", 96), ("test_efficientnet", 96)]
)
def test_any_timm_classifier(tmp_path, name, size):
    backbone = load_backbone(name, saved(tmp_path / "w.safetensors", name, num_classes=7), size)
    images = torch.randn(2, 3, size, size)
    with torch.inference_mode():
        avg, std = backbone(images)
        logits = backbone.model(images)
    weight, bias = backbone.head
    assert weight.shape == (7, avg.shape[1])
    np.testing.assert_allclose(avg.double().numpy() @ weight.T + bias, logits, atol=1e-4)
    assert std.shape[0] == 2
    assert (std > 0).any()


def test_std_pooling_of_a_cnn_a_channels_last_net_and_a_vit(tmp_path):
    cnn = load_backbone("test_resnet", saved(tmp_path / "c.safetensors", "test_resnet"), 96)
    vit = load_backbone("test_vit", saved(tmp_path / "v.safetensors", "test_vit"))
    c, t = cnn.model.num_features, vit.model.num_features
    volume = torch.randn(2, c, 3, 4)
    expected = volume.numpy().std(axis=(2, 3))
    np.testing.assert_allclose(cnn.std_pool(volume), expected, rtol=1e-5)
    np.testing.assert_allclose(cnn.std_pool(volume.permute(0, 2, 3, 1)), expected, rtol=1e-5)
    tokens = torch.randn(2, 1 + 9, t)
    np.testing.assert_allclose(vit.std_pool(tokens), tokens[:, 1:].numpy().std(axis=1), rtol=1e-5)


def test_cifar_presets_load_from_a_local_hub_cache(tmp_path, monkeypatch):
    """The hub's folder layout, written here: what a first download leaves behind."""
    hub = tmp_path / "hub"
    snapshot = hub / "models--edadaltocg--resnet18_cifar10" / "snapshots" / "0123abc"
    snapshot.mkdir(parents=True)
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("0123abc")
    torch.manual_seed(0)
    model = cifar_network("resnet18", 10)
    torch.save(model.state_dict(), snapshot / "pytorch_model.bin")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(hub), raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_CACHE", str(hub))
    import functools

    import timm.models._hub as timm_hub

    monkeypatch.setattr(timm_hub, "hf_hub_download", functools.partial(timm_hub.hf_hub_download, cache_dir=str(hub)))
    backbone = load_backbone("resnet18_cifar10")
    assert backbone.image_size == 32
    torch.testing.assert_close(torch.from_numpy(backbone.head[0]).float(), model.fc.weight.detach())
    with torch.inference_mode():
        assert backbone.model.forward_features(torch.randn(1, 3, 32, 32)).shape == (1, 512, 4, 4)


def test_the_papers_networks_are_all_there():
    for depth in (18, 34, 50):
        for classes in (10, 100):
            assert CIFAR_PRESETS[f"resnet{depth}_cifar{classes}"][1] == f"edadaltocg/resnet{depth}_cifar{classes}"
    assert CIFAR_PRESETS["resnet34_supcon_cifar10"][1] == "edadaltocg/resnet34_supcon_cifar10"


def test_supcon_weights_have_no_head(tmp_path):
    state = {k: v for k, v in cifar_network("resnet18", 10).state_dict().items() if not k.startswith("fc.")}
    torch.save(state, tmp_path / "w.pth")
    assert load_backbone("resnet18_supcon_cifar10", str(tmp_path / "w.pth")).head is None


def test_wrong_weights_give_a_sentence(tmp_path):
    with pytest.raises(HeatError, match="does not exist"):
        load_backbone("test_resnet", str(tmp_path / "none.pth"))
    (tmp_path / "text.safetensors").write_text("hello")
    with pytest.raises(HeatError, match="not a weights file"):
        load_backbone("test_resnet", str(tmp_path / "text.safetensors"))
    other = saved(tmp_path / "vit.safetensors", "test_vit")
    with pytest.raises(HeatError, match="do not fit"):
        load_backbone("test_resnet", other)
    torch.save({"a": pytest.approx(1)}, tmp_path / "code.pth")  # a pickle that would run code
    with pytest.raises(HeatError, match="not a weights file"):
        load_backbone("test_resnet", str(tmp_path / "code.pth"))


def test_unknown_models_and_missing_internet_give_a_sentence():
    with pytest.raises(HeatError, match="did you mean"):
        load_backbone("resnet5000")
    with pytest.raises(HeatError, match="internet"):
        load_backbone("test_resnet")
    with pytest.raises(HeatError, match="internet"):
        load_backbone("resnet34_cifar10")
    with pytest.raises(HeatError, match="at least 8"):
        load_backbone("test_resnet", image_size=2)


def test_fingerprint_follows_weights_and_size(tmp_path):
    a, b = saved(tmp_path / "a.safetensors", "test_resnet"), tmp_path / "b.safetensors"
    model = timm.create_model("test_resnet")
    save_file(model.state_dict(), b)
    prints = [load_backbone("test_resnet", p, s).fingerprint for p, s in ((a, 96), (a, 96), (a, 64), (str(b), 96))]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_a_two_class_head_gives_the_same_probabilities():
    rng = np.random.default_rng(0)
    z, y = rng.normal(size=(60, 3)), np.arange(60) % 2
    z[y == 1] += 1
    weight, bias = fit_head(z, y)
    assert weight.shape == (2, 3)
    logits = z @ weight.T + bias
    assert ((logits[:, 1] > logits[:, 0]) == y).mean() > 0.6


def test_another_image_size_for_a_vit_and_a_fixed_network(tmp_path):
    """A ViT takes another image size, and a network of a fixed size gives a sentence that it cannot."""
    vit = load_backbone("test_vit", saved(tmp_path / "v.safetensors", "test_vit"), 96)
    assert vit(torch.zeros(1, 3, 96, 96))[0].shape[0] == 1
    weights = saved(tmp_path / "m.safetensors", "resmlp_12_224")
    with pytest.raises(HeatError, match="cannot take images of 96 pixels"):
        load_backbone("resmlp_12_224", weights, 96)
