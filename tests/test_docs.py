"""What docs/models.md shows is done as it stands there."""

import re
from pathlib import Path

import pytest
import torch
from torchvision import models

from heat_core.backbones.registry import Backbone, load_backbone

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_the_programs_of_the_page_about_models(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wrapping, saving, by_torch = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "models.md").read_text(encoding="utf-8"), re.S
    )
    torch.manual_seed(0)
    names = {"model": models.resnet18(num_classes=6)}
    exec("\n".join(line for line in wrapping.splitlines() if "run(" not in line), names)
    exec(saving, names)
    pixels = torch.randn(3, 3, 64, 64)
    torch.testing.assert_close(load_backbone("torch:net.pt2")(pixels), names["backbone"](pixels))
    exec(by_torch, names)
    expected = Backbone.wrap(names["model"], names["transform"])
    torch.testing.assert_close(load_backbone("torch:net.pt2")(pixels), expected(pixels))
