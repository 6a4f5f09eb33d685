"""A run over archives: the numbers of the unpacked folders, and pictures everywhere."""

import shutil

import numpy as np

from heat_core import Experiment, Run, run
from heat_core.analysis.samples import Samples
from heat_core.analysis.subsets import write_image_folder
from heat_core.data.datasets import open_dataset
from heat_core.pipeline.scoring import score
from heat_core.reporting.export import to_csv, to_zip


def run_on(known, other, **changes) -> Run:
    fast = {"updates": 1, "epochs": 1, "width": 8, "langevin_steps": 1}
    return run(
        Experiment(
            id=str(known),
            ood={"other": str(other)},
            backbone="heat-demo-resnet",
            priors=["el"],
            detectors=[],
            settings=fast,
            map=False,
            **changes,
        )
    )


def test_a_run_over_archives_is_that_over_their_folders(tmp_path, image_folder):
    image_folder(tmp_path / "known", {"a": 10, "b": 10})
    image_folder(tmp_path / "other", {"": 4})
    known = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "known")
    other = shutil.make_archive(str(tmp_path / "packed"), "tar", tmp_path / "other")
    plain, packed = run_on(tmp_path / "known", tmp_path / "other"), run_on(known, other)
    for name in ("id", "other"):
        assert packed.ids(name).tolist() == plain.ids(name).tolist()
        np.testing.assert_array_equal(packed.scores(name), plain.scores(name))
    samples = Samples(Run.open(packed.folder))
    last = len(samples) - 1
    assert str(samples.path_of(last)) == f"{other}/003.png"
    assert f"{other}/003.png" in to_csv(samples, [last])
    assert to_zip(samples, [0, last])[1] == 0
    scored = score(packed, [tmp_path / "packed.tar"])
    assert np.array_equal(scored.place(3).read(), samples.image(last))
    copied = open_dataset(str(write_image_folder(samples, np.array([last]), "odd")))
    assert np.array_equal(copied.open(0), samples.image(last))
