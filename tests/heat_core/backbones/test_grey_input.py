"""Networks with one input channel get grey images."""

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision import transforms

from heat_core.backbones.backbone import Backbone
from heat_core.backbones.registry import load_backbone
from heat_core.pipeline.positions import visible_box


def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224"])
def test_weights_with_one_channel_see_luminance(tmp_path, name):
    torch.manual_seed(0)
    keywords = {"img_size": 64} if name.startswith("vit") else {}
    model = timm.create_model(name, in_chans=1, num_classes=5, **keywords).eval()
    save_file(model.state_dict(), tmp_path / "grey.safetensors")
    backbone = load_backbone(name, str(tmp_path / "grey.safetensors"), 64)
    grey = transforms.ToTensor()(picture().convert("L"))
    mean, std = (np.mean(model.pretrained_cfg[key]) for key in ("mean", "std"))
    pixels = backbone.transform(picture())
    torch.testing.assert_close(pixels, ((grey - mean) / std).float().expand(3, -1, -1), rtol=0, atol=1e-5)
    with torch.inference_mode():
        expected = model(pixels[None, :1])
        avg, _ = backbone(pixels[None])
    weight, bias = (torch.from_numpy(part).float() for part in backbone.head)
    torch.testing.assert_close(avg @ weight.T + bias, expected, rtol=1e-4, atol=1e-5)


def test_a_module_whose_transform_gives_one_channel():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
    transform = transforms.Compose(
        [transforms.Grayscale(), transforms.Resize((32, 32)), transforms.ToTensor(), transforms.Normalize(0.5, 0.5)]
    )
    backbone = Backbone.wrap(module, transform)
    with torch.inference_mode():
        expected = module(transform(picture())[None])
        avg, std = backbone(backbone.transform(picture())[None])
    weight, bias = (torch.from_numpy(part).float() for part in backbone.head)
    torch.testing.assert_close(avg @ weight.T + bias, expected)
    assert std.shape == (1, 8)
    cropping = transforms.Compose([transforms.Resize(32), transforms.CenterCrop(32), transform])
    box = visible_box(Backbone.wrap(module, cropping), Image.new("RGB", (128, 64)))
    np.testing.assert_allclose(box, [0.25, 0, 0.75, 1], atol=0.02)
