"""Pictures of one colour in folders."""

import os
from pathlib import Path

import pytest
from PIL import Image

RED, BLUE, GREEN = (250, 5, 5), (5, 5, 250), (5, 250, 5)


def picture(path, colour=RED) -> None:
    """A PNG of one colour, whatever its name ends in."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        Image.new("RGB", (8, 8), colour).save(file, "PNG")


def colours(images) -> dict[str, tuple[int, ...]]:
    """Sample → the colour that is seen when it is opened."""
    return {sample: images.open(i).getpixel((4, 4)) for i, sample in enumerate(images.ids)}


def named(folder: Path, name: bytes, colour) -> None:
    """A picture under a name in bytes; skipped where the file system wants UTF-8."""
    try:
        picture(os.fsencode(folder) + b"/" + name, colour)
    except OSError:
        pytest.skip("this file system has no such names")
