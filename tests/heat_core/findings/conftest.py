"""A run over folders in which something is wrong with some images."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from heat_core import Experiment, run
from tests.conftest import save_network

COLOURS = {"red": (200, 50, 50), "blue": (50, 50, 200)}


def picture(rng: np.random.Generator, colour: tuple[int, int, int], side: int = 32) -> Image.Image:
    """Smooth noise around a colour."""
    small = np.clip(rng.normal(colour, 30, (6, 6, 3)), 0, 255).astype(np.uint8)
    return Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)


def write_classes(folder: Path, rng: np.random.Generator, count: int) -> None:
    for name, colour in COLOURS.items():
        (folder / name).mkdir(parents=True)
        for i in range(count):
            picture(rng, colour).save(folder / name / f"{i:02d}.png")


@pytest.fixture(scope="session")
def planted_run(tmp_path_factory):
    """A run whose findings are known.

    A very blue picture is labelled red in the training set (`red/wrong.png`) and in the test set; `other` holds green
    pictures, a red one that no set has (`like-red.png`), two copies of each other in other files (`a.png`, `b.jpg`) and
    a copy of a training image (`copy.jpg`).
    """
    folder, rng = tmp_path_factory.mktemp("planted"), np.random.default_rng(0)
    write_classes(folder / "train", rng, 25)
    write_classes(folder / "test", rng, 12)
    for part in ("train", "test"):
        picture(rng, (20, 20, 240)).save(folder / part / "red" / "wrong.png")
    other = folder / "other"
    other.mkdir()
    for i in range(12):
        picture(rng, (60, 200, 60)).save(other / f"green-{i:02d}.png")
    picture(rng, COLOURS["red"]).save(other / "like-red.png")
    twin = picture(rng, (120, 160, 60), 64)
    twin.save(other / "a.png")
    twin.save(other / "b.jpg", quality=95)
    Image.open(folder / "train" / "blue" / "03.png").save(other / "copy.jpg", quality=95)
    return _run(folder, {"other": str(other)})


def _run(folder: Path, ood: dict[str, str]):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEAT_HOME", str(folder / "home"))
        return run(
            Experiment(
                id=str(folder / "train"),
                id_test=str(folder / "test"),
                ood=ood,
                backbone="resnet10t",
                weights=str(save_network(folder, "resnet10t")),
                image_size=32,
                priors=["gmm", "el"],
                detectors=[],
                preset="paper",
                settings={"epochs": 1},
                map=False,
            )
        )
