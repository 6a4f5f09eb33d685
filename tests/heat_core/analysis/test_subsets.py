"""A subset as a folder of images: links to files, PNGs of what is none."""

import numpy as np
import pytest
from PIL import Image

from heat_core import HeatError
from heat_core.analysis.samples import Samples
from heat_core.analysis.subsets import write_image_folder
from heat_core.data.datasets import open_dataset
from tests.synthetic import synthetic_run


@pytest.fixture
def made(run_of_files):
    return run_of_files()


def test_samples_become_a_folder_of_links(made, home):
    samples = Samples(made)
    numbers = np.flatnonzero(samples.is_ood)[:4]
    folder = write_image_folder(samples, numbers, "odd/../name")
    assert folder.parent == home / "sets"
    found = open_dataset(str(folder))
    assert len(found) == 4
    assert {p.resolve() for p in found.files} == {samples.path_of(int(i)).resolve() for i in numbers}
    assert write_image_folder(samples, numbers, "odd/../name") != folder  # nothing is overwritten


def test_pictures_that_are_no_files_are_written(demo_run):
    samples = Samples(demo_run)
    numbers = np.flatnonzero(samples.dataset == 1)[:2]
    folder = write_image_folder(samples, numbers, "digits")
    names = sorted(folder.iterdir())
    assert [n.suffix for n in names] == [".png", ".png"]
    np.testing.assert_array_equal(np.asarray(Image.open(names[0])), np.asarray(samples.image(int(numbers[0]))))


def test_a_run_without_pictures_gives_a_sentence(tmp_path, home):
    samples = Samples(synthetic_run(tmp_path / "run"))
    with pytest.raises(HeatError, match="no pictures"):
        write_image_folder(samples, np.array([70]), "x")
