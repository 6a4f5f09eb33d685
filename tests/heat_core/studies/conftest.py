"""A small base of features, so that a study takes seconds."""

from pathlib import Path

import numpy as np
import pytest

from heat_core import Experiment

CLASSES, DIM = 3, 6
QUICK = {"epochs": 2, "updates": 4, "width": 8, "hidden_layers": 1, "langevin_steps": 2, "batch_size": 16}


def feature_folder(path: Path, n: int, seed: int, shift: float = 0.0, labelled: bool = True) -> str:
    """`avg`, `std` and labels of three classes around corners of a cube."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % CLASSES
    z = (2 + shift + np.eye(CLASSES, DIM)[y] + 0.4 * rng.normal(size=(n, DIM))).astype(np.float32)
    path.mkdir(parents=True)
    np.save(path / "avg.npy", np.abs(z))
    np.save(path / "std.npy", np.abs(z) ** 0.5)
    if labelled:
        np.save(path / "labels.npy", y)
    return str(path)


@pytest.fixture
def base(tmp_path) -> Experiment:
    """An Experiment on features, every prior of the paper."""
    return Experiment(
        id=feature_folder(tmp_path / "known", 120, 0),
        id_test=feature_folder(tmp_path / "test", 60, 1),
        ood={
            "close": feature_folder(tmp_path / "close", 40, 2, 0.3, labelled=False),
            "<b>away</b>": feature_folder(tmp_path / "away", 50, 3, 1.0, labelled=False),
        },
        groups={"close": "near", "<b>away</b>": "far"},
        backbone="features",
        preset="quick",
        settings=QUICK,
        detectors=["msp"],
        map=False,
    )
