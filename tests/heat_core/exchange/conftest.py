"""A run whose scores are random numbers and whose images are real files, for exports and labels that come back."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from heat_core import Experiment, Run
from heat_core.analysis.samples import Samples
from heat_core.runs.events import RUN_FILE
from heat_core.runs.results_file import ENERGIES, RunRecord
from heat_core.storage import read_json, write_json
from tests.conftest import make_folder
from tests.synthetic import CLASSES, synthetic_run

OOD = ("red/test 1.jpg", "red/=2.png", "blue/test 1.png", "blue/gone.png")


def make_images(folder: Path) -> None:
    """Known test images, an OOD set of classes with two equal stems and a lost file, and one without classes."""
    make_folder(folder / "known", dict.fromkeys(CLASSES, 4))
    for i, name in enumerate(OOD[:3]):
        (folder / "far" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 10 + i), (9, 90, 20 * i)).save(folder / "far" / name)
    make_folder(folder / "near", {"": 2})


@pytest.fixture
def samples(home, tmp_path) -> Samples:
    """12 known test images, numbers 0 to 11, those of `OOD`, 12 to 15, and two without a class, 16 and 17."""
    make_images(tmp_path)
    made = synthetic_run(home / "runs" / "flowers", {"=far": 4, "near": 2}, known=12)
    experiment = Experiment(
        id=str(tmp_path / "known"),
        id_test=str(tmp_path / "known"),
        ood={"=far": str(tmp_path / "far"), "near": str(tmp_path / "near")},
        backbone="resnet10t",
        priors=list(made.priors),
    )
    write_json(made.folder / RUN_FILE, read_json(made.folder / RUN_FILE) | {"experiment": experiment.to_dict()})
    record = RunRecord.load(made.folder / ENERGIES)
    known = np.array([f"{name}/{i:03d}.png" for name in CLASSES for i in range(4)])
    sets = [
        replace(record.sets[0], ids=known, labels=np.repeat(np.arange(3), 4)),
        replace(record.sets[1], ids=np.array(OOD), labels=np.array([0, 0, 1, 1])),
        replace(record.sets[2], ids=np.array(["000.png", "001.png"])),
    ]
    replace(record, sets=sets).save(made.folder / ENERGIES)
    return Samples(Run.open(made.folder))
