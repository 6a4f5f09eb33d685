"""Weights in files, and networks that timm knows for one test."""

import pytest
import timm.models._registry as registry
import torch
from safetensors.torch import save_file
from timm.models._pretrained import PretrainedCfg

CLASSES = 3


@pytest.fixture
def saved(tmp_path):
    """Tensors → a file of them."""

    def save(tensors: dict[str, torch.Tensor]) -> str:
        save_file({key: value.clone() for key, value in tensors.items()}, tmp_path / "w.safetensors")
        return str(tmp_path / "w.safetensors")

    return save


@pytest.fixture
def registered(monkeypatch):
    """Make a network known to timm under a name, with its configuration."""

    def register(name: str, make, module: str = "resnet", **config) -> None:
        monkeypatch.setitem(registry._model_entrypoints, name, make)
        monkeypatch.setitem(registry._model_to_module, name, module)
        monkeypatch.setitem(registry._model_pretrained_cfgs, name, PretrainedCfg(num_classes=CLASSES, **config))

    return register
