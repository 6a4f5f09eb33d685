"""Many paths without an object each, and what the disk says of them."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from heat_core.data.path_list import NOT_A_FILE, NOT_FOUND, PathList, read_file_stats


def test_paths_are_what_was_given():
    given = [Path("a.png"), "b/ü.png", b"caf\xe9.png", "", Path("/x/y")]
    found = PathList.from_paths(given)
    expected = [Path(os.fsdecode(path)) for path in given]
    assert list(found) == [found[i] for i in range(5)] == expected
    assert list(found.iter_bytes()) == [os.fsencode(path) for path in given[:3]] + [b"", b"/x/y"]
    assert list(found[1:4]) == expected[1:4]
    assert list(found.take(np.array([4, 0, 0]))) == [expected[4], expected[0], expected[0]]
    assert list(found.take(np.array([4, 0, 2]))[1:]) == [expected[0], expected[2]]
    assert list(PathList.concatenate([found, PathList.from_paths([]), found])) == expected * 2
    assert list(pickle.loads(pickle.dumps(found))) == expected
    assert not PathList.from_paths([])
    with pytest.raises(IndexError):
        found[5]


def test_many_paths_are_gone_through_block_by_block():
    found = PathList.from_paths(f"{i}.png" for i in range(10)).take(np.arange(9, -1, -1))
    assert [os.fsdecode(path) for path in found.iter_bytes(block=3)] == [f"{i}.png" for i in range(9, -1, -1)]


@pytest.mark.parametrize("limits", [{}, {"batch": 3, "slow": 0.0}], ids=["at-hand", "over-a-network"])
def test_what_the_disk_says_is_what_stat_says(tmp_path, limits):
    names = [f"{i}.png" for i in range(10)]
    for i, name in enumerate(names):
        (tmp_path / name).write_bytes(b"x" * i)
    os.mkfifo(tmp_path / "pipe")
    paths = [tmp_path / n for n in ("0.png", "0.png", *names, "gone.png", ".", "pipe", "1.png", "0.png\0x", "1.png/x")]
    found = read_file_stats(PathList.from_paths(paths), **limits)
    assert found.shape == (18, 5)
    for path, said in zip(paths, found.tolist(), strict=True):
        if path.name.endswith(".png") and path.name != "gone.png":
            stat = path.stat()
            assert said == [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_dev, stat.st_ino]
    assert found[12:, 0].tolist() == [NOT_FOUND, NOT_A_FILE, NOT_A_FILE, 1, NOT_FOUND, NOT_FOUND]
    assert read_file_stats(PathList.from_paths([])).shape == (0, 5)
