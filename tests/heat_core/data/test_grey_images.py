"""Sets of grey images and sets in colour."""

import numpy as np
import pytest
from PIL import Image

from heat_core import Experiment
from heat_core.data.datasets import open_dataset
from heat_core.data.grey_images import COLOUR, GREY, grey_or_colour
from heat_core.pipeline.experiment_sets import inspect_sets


def write(folder, mode, count=6, ending="png"):
    """Images of noise; those of mode "equal" have three equal channels."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(count):
        pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
        if mode == "equal":
            pixels[:] = pixels[..., :1]
        image = Image.fromarray(pixels)
        (image if mode in ("RGB", "equal") else image.convert(mode)).save(folder / f"{i}.{ending}")
    return folder


@pytest.mark.parametrize(
    ("mode", "ending", "expected"),
    [
        ("L", "png", GREY),
        ("L", "jpg", GREY),
        ("equal", "png", GREY),
        ("equal", "jpg", GREY),
        ("I;16", "png", GREY),
        ("1", "png", GREY),
        ("RGB", "png", COLOUR),
        ("RGB", "jpg", COLOUR),
        ("P", "png", COLOUR),
    ],
)
def test_sets_are_told_by_their_pixels(tmp_path, mode, ending, expected):
    assert grey_or_colour(open_dataset(str(write(tmp_path / "x", mode, ending=ending)))) == expected


def test_a_set_of_both_kinds_is_neither(tmp_path):
    write(tmp_path / "x/a", "L")
    write(tmp_path / "x/b", "RGB")
    assert grey_or_colour(open_dataset(str(tmp_path / "x"))) == ""
    assert grey_or_colour(open_dataset("demo-digits")) == COLOUR


@pytest.mark.parametrize(
    ("known", "other", "words"),
    [
        ("L", "RGB", "training set are grey, those of 'odd' in colour"),
        ("RGB", "equal", "in colour, those of 'odd' grey"),
    ],
)
def test_colour_that_only_one_set_has_is_reported(tmp_path, known, other, words):
    write(tmp_path / "known/a", known)
    write(tmp_path / "known/b", known)
    odd = write(tmp_path / "odd", other)
    warnings = inspect_sets(Experiment(id=str(tmp_path / "known"), ood={"odd": str(odd)})).warnings
    assert words in " ".join(warnings)
    for name in ("a", "b"):
        write(tmp_path / "dusk" / name, other)
    ids = {"id": str(tmp_path / "known"), "shifted": {"dim": str(tmp_path / "dusk")}}  # meant to differ
    same = Experiment(**ids, ood={"odd": str(tmp_path / "known/a")})
    assert "alone may tell them apart" not in " ".join(inspect_sets(same).warnings)
