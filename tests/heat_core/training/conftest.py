"""Folders of images to train on."""

import pytest
from PIL import Image

from tests.heat_core.training.small_training import CLASSES


@pytest.fixture
def folders(tmp_path, image_folder):
    """Training and test images of two classes that differ: those of b are dark."""
    for name, count in (("train", 16), ("test", 5)):
        image_folder(tmp_path / name, dict.fromkeys(CLASSES, count))
        for file in (tmp_path / name / "b").iterdir():
            Image.open(file).point(lambda value: value // 4).save(file)
    return str(tmp_path / "train"), str(tmp_path / "test")
