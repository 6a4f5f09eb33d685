"""Files are written whole or not at all, and what cannot be read says what to do."""

import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from heat_core import HeatError
from heat_core.storage import (
    heat_home,
    read_checked_json,
    read_json,
    read_npy,
    read_npz,
    replacing,
    write_json,
    write_npz,
    writing,
)

ARRAYS = {
    "set/prior": np.arange(6.0).reshape(2, 3) / 7,
    "half": np.array([1.5, -2.25], np.float16),
    "ids": np.array(["digit/0001", "Straße ☃"]),
    "none": np.empty((0, 2), np.int64),
    "extreme": np.array([np.inf, -np.inf, np.nan]),
}


def test_a_file_is_replaced_only_when_the_block_ends(tmp_path):
    path = tmp_path / "deep" / "er" / "a.txt"
    with replacing(path) as temp_path:
        temp_path.write_text("first")
        assert temp_path.parent == path.parent
        assert not path.exists()
    assert path.read_text() == "first"
    with replacing(path) as temp_path:
        temp_path.write_text("second")
        assert path.read_text() == "first"
    assert path.read_text() == "second"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("error", "becomes"),
    [(KeyError("x"), KeyError), (KeyboardInterrupt(), KeyboardInterrupt), (OSError(28, "No space left"), HeatError)],
    ids=["bug", "interrupted", "disk full"],
)
def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path, error, becomes):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def interrupted():
        with replacing(path) as temp_path:
            temp_path.write_text("half of the new")
            raise error

    with pytest.raises(becomes):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_before_the_first_file_leaves_none(tmp_path):
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "a.txt"):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_names_the_file_the_reason_and_a_way_out(tmp_path):
    path = tmp_path / "a.json"
    path.mkdir()  # in the way
    with pytest.raises(HeatError, match="then start again; whatever was finished is kept") as told:
        write_json(path, {})
    assert str(told.value).startswith(f"Could not write {path} (Is a directory): ")
    assert list(tmp_path.iterdir()) == [path]
    full = r"Could not write /somewhere \(No space left\): free some disk space, or point HEAT_HOME to another disk"
    with pytest.raises(HeatError, match=full), writing(Path("/somewhere")):
        raise OSError(28, "No space left")


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        (errno.ENOSPC, "free some disk space"),
        (errno.EACCES, "change its permissions"),
        (errno.EROFS, "a folder of your own"),
        (errno.ENAMETOOLONG, "choose a shorter name"),
        (errno.ENOTDIR, "is in the way"),
        (errno.EMFILE, "close other programs"),
        (errno.EIO, "look at the disk"),
    ],
)
def test_the_way_out_of_a_failed_write_fits_its_cause(code, cure):
    with pytest.raises(HeatError, match=cure) as told, writing(Path("/somewhere")):
        raise OSError(code, os.strerror(code))
    assert f"({os.strerror(code)})" in str(told.value)


def test_json_round_trip(tmp_path):
    content = {"β": [1, 2.5, None, True], "empty": {}, "text": "„ab“ ☃\n\x00"}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json") == content
    assert list(tmp_path.iterdir()) == [tmp_path / "a.json"]


def test_what_json_cannot_hold_leaves_the_old_file(tmp_path):
    write_json(tmp_path / "a.json", [1])
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"a": object()})
    assert read_json(tmp_path / "a.json") == [1]
    assert list(tmp_path.iterdir()) == [tmp_path / "a.json"]


@pytest.mark.parametrize(
    "content", [b"", b'{"a": [1, 2', b"\xff\xfe\xfa{}", b"{'a': 1}"], ids=["empty", "cut", "binary", "no json"]
)
def test_damaged_json_gives_a_sentence(tmp_path, content):
    path = tmp_path / "run" / "a.json"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(HeatError, match=r"damaged.* and start the run again") as told:
        read_json(path)
    assert str(told.value).startswith(f"{path} is ")


def test_missing_files_give_a_sentence(tmp_path):
    with pytest.raises(HeatError, match=r"a\.json is missing: .*start the run again"):
        read_json(tmp_path / "a.json")
    with pytest.raises(HeatError, match=r"a\.npz is missing: start the run again"):
        read_npz(tmp_path / "a.npz")


def test_npz_round_trip(tmp_path):
    write_npz(tmp_path / "a.npz", ARRAYS)
    found = read_npz(tmp_path / "a.npz")
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.npz"]


@pytest.mark.parametrize("kept", [0, 10, 0.5, -1], ids=["empty", "ten bytes", "half", "all but one"])
def test_a_cut_off_npz_gives_a_sentence(tmp_path, kept):
    path = tmp_path / "a.npz"
    write_npz(path, ARRAYS)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content)) if isinstance(kept, float) else kept])
    with pytest.raises(HeatError) as told:
        read_npz(path)
    assert str(told.value) == f"{path} is cut off or damaged: delete it and resume the run."


def test_a_flipped_bit_in_an_npz_gives_a_sentence(tmp_path):
    path = tmp_path / "a.npz"
    write_npz(path, {"a": np.arange(1000.0)})
    content = bytearray(path.read_bytes())
    content[4000] ^= 1
    path.write_bytes(content)
    with pytest.raises(HeatError, match="cut off or damaged"):
        read_npz(path)


def test_pickled_arrays_are_never_unpickled(tmp_path):
    """What unpickling would do is seen by its trace: a folder."""
    path, trace = tmp_path / "a.npz", tmp_path / "trace"

    class Trap:
        def __reduce__(self):
            return Path.mkdir, (trace,)

    np.savez(path, a=np.array([Trap()], dtype=object))
    with pytest.raises(HeatError, match="cut off or damaged"):
        read_npz(path)
    assert not trace.exists()
    np.load(path, allow_pickle=True)["a"]
    assert trace.exists()


def test_an_npy_is_mapped_or_read(tmp_path):
    path = tmp_path / "avg.npy"
    np.save(path, ARRAYS["set/prior"])
    mapped, read = read_npy(path, "save it again"), read_npy(path, "save it again", mapped=False)
    assert isinstance(mapped, np.memmap)
    assert not isinstance(read, np.memmap)
    for found in (mapped, read):
        np.testing.assert_array_equal(found, ARRAYS["set/prior"])


def test_an_unreadable_npy_gives_a_sentence_with_advice(tmp_path):
    """An npy file that cannot be read gives a sentence that says what helps."""
    path = tmp_path / "avg.npy"
    with pytest.raises(HeatError, match=r"avg\.npy is missing: save it again\."):
        read_npy(path, "save it again")
    np.save(path, np.arange(100.0))
    content = path.read_bytes()
    for damaged in (b"", content[:5], content[:100], content[:-1], b"no array at all"):
        path.write_bytes(damaged)
        with pytest.raises(HeatError, match=r"avg\.npy is cut off or damaged: save it again"):
            read_npy(path, "save it again")
    np.save(path, np.array([{}, None], dtype=object))
    with pytest.raises(HeatError, match="never unpickled: save numbers instead"):
        read_npy(path, "save it again")


@pytest.mark.parametrize("read", [read_npy, read_npz, read_json, read_checked_json])
def test_a_file_that_may_not_be_read_is_not_said_to_be_damaged(tmp_path, monkeypatch, read):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    (tmp_path / "x").write_text("{}")
    monkeypatch.setattr("numpy.load", refused)
    monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(HeatError, match=r"x cannot be read \(Permission denied\): change its permissions\.$"):
        read(tmp_path / "x", "delete it")


def test_heat_home_is_what_was_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("HEAT_HOME", str(tmp_path / "there"))
    assert heat_home() == tmp_path / "there"
    assert not heat_home().exists()
    monkeypatch.setenv("HEAT_HOME", "~/mine")
    assert heat_home() == Path.home() / "mine"


@pytest.mark.parametrize("unset", [True, False], ids=["unset", "empty"])
@pytest.mark.parametrize(
    ("platform", "variable", "folder"),
    [
        ("linux", None, ".cache/heat-explorer"),
        ("linux", "XDG_CACHE_HOME", "heat-explorer"),
        ("darwin", None, "Library/Caches/heat-explorer"),
        ("win32", "LOCALAPPDATA", "heat-explorer"),
        ("win32", None, "heat-explorer"),
    ],
)
def test_heat_home_is_in_the_users_cache_by_default(monkeypatch, tmp_path, unset, platform, variable, folder):
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HEAT_HOME"):
        monkeypatch.delenv(name, raising=False)
    if not unset:
        monkeypatch.setenv("HEAT_HOME", "")
    monkeypatch.setattr(sys, "platform", platform)
    user, chosen = tmp_path / "user", tmp_path / "chosen"
    monkeypatch.setattr(Path, "home", classmethod(lambda cls: user))
    if variable:
        monkeypatch.setenv(variable, str(chosen))
    assert heat_home() == (chosen if variable else user) / folder
