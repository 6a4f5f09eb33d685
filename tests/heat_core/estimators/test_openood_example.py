"""The postprocessor of docs/examples, on the interface of OpenOOD 1.5, which is on no package index."""

import runpy
import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from heat_core import HEAT
from heat_core.backbones.registry import load_backbone
from heat_core.data.datasets import open_dataset
from heat_core.metrics import auroc
from tests.heat_core.estimators.pictures import Pictures

EXAMPLE = Path(__file__).resolve().parents[3] / "docs" / "examples" / "openood_postprocessor.py"
OPTIONS = {"settings": {"width": 8, "updates": 1, "epochs": 1, "langevin_steps": 1}, "device": "cpu"}


class BasePostprocessor:
    """The part of OpenOOD's class that a postprocessor meets."""

    def __init__(self, config):
        self.config = config

    def inference(self, net, data_loader, progress=True):
        pairs = [self.postprocess(net, batch["data"]) for batch in data_loader]
        predicted, confidence = (torch.cat(column).numpy() for column in zip(*pairs, strict=True))
        return predicted, confidence, torch.cat([batch["label"] for batch in data_loader]).numpy()


class Net(torch.nn.Module):
    """A network with the arguments of OpenOOD's, around the demo's."""

    def __init__(self) -> None:
        super().__init__()
        self.body = load_backbone("heat-demo-resnet").model

    def forward(self, x, return_feature=False):
        logits = self.body(x)
        return (logits, None) if return_feature else logits


class Dictionaries(Pictures):
    def __getitem__(self, index):
        data, label = super().__getitem__(index)
        return {"data": data, "label": label, "image_name": str(index)}


def loader_of(name: str, part: str, count: int) -> DataLoader:
    images = open_dataset(name, part).limited(count)
    if images.labels is None:
        images = replace(images, labels=np.full(len(images), -1))
    return DataLoader(Dictionaries(images, load_backbone("heat-demo-resnet").transform), batch_size=32)


@pytest.fixture
def postprocessor(monkeypatch):
    module = types.ModuleType("openood.postprocessors")
    module.BasePostprocessor = BasePostprocessor
    monkeypatch.setitem(sys.modules, "openood", types.ModuleType("openood"))
    monkeypatch.setitem(sys.modules, "openood.postprocessors", module)
    return runpy.run_path(str(EXAMPLE))["HEATPostprocessor"](**OPTIONS)


def test_it_scores_what_openood_gives_it(postprocessor):
    net, training = Net().eval(), loader_of("demo-digits", "train", 20)
    postprocessor.setup(net, {"train": training}, {"val": None})
    fitted = postprocessor.heat
    postprocessor.setup(net, {"train": training}, {"val": None})
    assert postprocessor.heat is fitted
    assert not postprocessor.APS_mode
    known = postprocessor.inference(net, loader_of("demo-digits", "test", 10))
    unknown = postprocessor.inference(net, loader_of("demo-photo-patches", "test", 40))
    assert (known[0] == known[2]).mean() > 0.8
    assert auroc(-known[1], -unknown[1]) > 0.8
    expected = HEAT.from_model(net, training, image_key="data", **OPTIONS)
    batch = next(iter(loader_of("demo-digits", "test", 2)))["data"]
    predicted, confidence = postprocessor.postprocess(net, batch)
    np.testing.assert_array_equal(predicted, net(batch).argmax(dim=1))
    avg, std = (column.numpy() for column in expected.backbone_(batch))
    np.testing.assert_allclose(-confidence, expected.ood_score(avg, std=std), rtol=1e-4)
