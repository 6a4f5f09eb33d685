"""Files that were copied between sets are said as links are; only files of equal size are read."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from heat_core.data.datasets import open_dataset
from heat_core.data.path_list import PathList, read_file_stats
from heat_core.pipeline.copies import byte_copies
from heat_core.pipeline.copies.byte_copies import find_byte_copies
from heat_core.pipeline.set_warnings import set_warnings
from heat_core.runs.experiment import Experiment

E = Experiment(id="train", ood={"a": "ood", "b": "other"}, id_test="test")


@pytest.fixture
def sets(tmp_path, image_folder):
    image_folder(tmp_path / "train", {"blue": 6, "red": 6})
    image_folder(tmp_path / "test", {"blue": 3, "red": 3})
    image_folder(tmp_path / "ood", {"": 4})
    image_folder(tmp_path / "others", {"": 4})
    return tmp_path


def said(folder: Path) -> list[str]:
    roles = {"train": "train", "id": "test", "a": "ood", "b": "others"}
    return list(set_warnings(E, {role: open_dataset(str(folder / name)) for role, name in roles.items()}))


def test_copies_under_other_names_are_said(sets):
    assert said(sets) == []
    for i in range(2):
        shutil.copy(sets / "train" / "red" / f"00{i}.png", sets / "test" / "red" / f"again{i}.png")
    shutil.copy(sets / "train" / "red" / "003.png", sets / "ood" / "known.png")
    shutil.copy(sets / "ood" / "000.png", sets / "others" / "x.png")
    assert said(sets) == [
        "2 of the 8 images of the ID test set are images of the training set too: every figure is of images that were "
        "learned; without --id-test a fifth is split off.",
        "1 of the 5 images of 'a' are images of the training set too: they cannot be told apart.",
        "1 of the 5 images of 'b' are images of 'a' too: they cannot be told apart.",
    ]


def test_files_of_one_size_with_other_bytes_are_no_copies(tmp_path):
    """Also where they differ outside the part that is read first, as two frames of one camera without compression."""
    rng = np.random.default_rng(0)
    content = rng.integers(0, 256, 20_000, dtype=np.uint8)
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(content.tobytes())
        content[5] += 1
    shutil.copy(tmp_path / "a", tmp_path / "c")
    files = {name: PathList.from_paths([tmp_path / name]) for name in ("a", "b", "c")}
    stats = {name: read_file_stats(paths) for name, paths in files.items()}
    assert set(find_byte_copies(files, stats) or {}) == {("a", 0), ("c", 0)}


def test_files_of_other_sizes_and_links_are_not_read(sets, monkeypatch):
    for path in (sets / "train" / "red").iterdir():
        (sets / "test" / "red" / f"linked-{path.name}").hardlink_to(path)
    read = list[Path]()

    def open_noted(path: Path):
        read.append(path)
        return path.open("rb")

    monkeypatch.setattr(byte_copies, "open_file", open_noted)
    images = {name: open_dataset(str(sets / name)) for name in ("train", "test")}
    stats = {name: read_file_stats(of_set.files) for name, of_set in images.items()}
    assert find_byte_copies({name: of_set.files for name, of_set in images.items()}, stats) == {}
    sizes = [path.stat().st_size for name in ("train", "test") for path in set((sets / name).rglob("*.png"))]
    assert len(read) < len(sizes)
    assert all(sizes.count(path.stat().st_size) > 1 for path in read)


def test_a_search_that_takes_too_long_is_given_up_and_said(sets, monkeypatch):
    shutil.copy(sets / "train" / "red" / "000.png", sets / "test" / "red" / "again.png")
    monkeypatch.setattr(byte_copies.time, "monotonic", iter(range(0, 1000, 11)).__next__)
    assert said(sets) == [
        "Whether files of one set are copies of another set's was not found out: too many have the same size to be "
        "read in 10 seconds."
    ]
