"""What the tests of networks share."""

import pytest
import torch

from heat_core.backbones.registry import DEMO, load_backbone
from heat_core.data.datasets import open_dataset


@pytest.fixture(scope="module")
def one_thread():
    """Small networks on cores that others use too: threads would wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def backbone():
    return load_backbone(DEMO)


@pytest.fixture(scope="module")
def pixels(backbone):
    """Eight test images, as the demo's network receives them."""
    images = open_dataset("demo-digits", "test")
    return torch.stack([backbone.transform(images.open(i)) for i in range(8)])
