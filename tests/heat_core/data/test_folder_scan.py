"""Folders of any origin: which files are their images and which folders their classes."""

import os
import time

import numpy as np
import pytest
from PIL import Image

from heat_core import HeatError
from heat_core.data.datasets import from_files, from_folder, open_dataset
from heat_core.data.folder_scan import natural_key, scan_folder
from tests.heat_core.data.pictures import BLUE, RED, colours, picture

SYSTEM = (
    ".ipynb_checkpoints",
    ".Trash-1000",
    "@eaDir",
    "__MACOSX",
    "#recycle",
    "$RECYCLE.BIN",
    "lost+found",
    "x.lrdata",
    "@SynoResource",
    "@Transcode",
    "~snapshot",
    "FOUND.000",
    "$WINDOWS.~BT",
    "_gsdata_",
    "CaptureOne",
    "iPod Photo Cache",
    "x.photolibrary",
)


def counts(images) -> dict[str, int]:
    return dict(zip(images.class_names, np.bincount(images.labels).tolist(), strict=True))


@pytest.mark.parametrize("aside", SYSTEM)
def test_hidden_and_system_folders_are_no_classes(tmp_path, aside):
    for place in ("red", "blue", aside, f"blue/{aside}"):
        picture(tmp_path / "set" / place / "0.png")
    images = from_folder(tmp_path / "set")
    assert counts(images) == {"blue": 1, "red": 1}
    assert images.notes == (f"Hidden and system folders are left aside: {aside}.",)


@pytest.mark.parametrize("name", ["@nasa", "#cat", "~x", "recycled", "found", "capture one", "_x"])
def test_names_that_only_resemble_theirs_are_classes(tmp_path, name):
    for place in ("red", name):
        picture(tmp_path / place / "0.png")
    assert set(from_folder(tmp_path).class_names) == {"red", name}


def test_folders_of_nothing_are_named(tmp_path):
    for name in ("red/0.png", "blue/x/0.png", "blue/y/.hidden"):
        picture(tmp_path / name)
    (tmp_path / "green").mkdir()
    picture(tmp_path / "teal" / ".DS_Store")
    assert from_folder(tmp_path).notes == ("There is nothing in 'green', 'teal': no class is made of it.",)


def test_hidden_and_system_files_are_ignored(tmp_path):
    """Hidden and system files are no images, and no note mentions them."""
    for name in ("red/0.png", "blue/0.png", "red/._0.png", "red/.hidden.png", "._blue.png"):
        picture(tmp_path / name)
    for name in ("red/Thumbs.db", "red/desktop.ini", ".DS_Store", "blue/.DS_Store", "Icon\r"):
        (tmp_path / name).write_bytes(b"\0")
    images = from_folder(tmp_path)
    assert images.ids == ["blue/0.png", "red/0.png"]
    assert images.notes == ()


def test_a_flat_folder_stays_flat_beside_a_hidden_one(tmp_path):
    for name in ("0.png", "1.png", "@eaDir/0.png/SYNOPHOTO_THUMB_M.png", ".ipynb_checkpoints/0-checkpoint.png"):
        picture(tmp_path / "set" / name)
    images = from_folder(tmp_path / "set")
    assert (images.ids, images.labels, images.class_names) == (["0.png", "1.png"], None, [])


def test_a_folder_that_is_hidden_itself_is_read(tmp_path):
    picture(tmp_path / ".data" / "red" / "0.png")
    assert from_folder(tmp_path / ".data").ids == ["red/0.png"]


def test_many_folders_that_are_left_aside_are_shortened(tmp_path):
    for i in range(7):
        picture(tmp_path / f".{i}" / "0.png")
    picture(tmp_path / "0.png")
    assert from_folder(tmp_path).notes == ("Hidden and system folders are left aside: .0, .1, .2, .3, .4 ….",)


@pytest.mark.parametrize(
    "names",
    [
        [str(i) for i in range(12)],
        ["a1", "a2", "a10"],
        ["2 x 9", "2 x 10", "10 x 1"],
        ["A", "b", "C", "d"],
        ["n01440764", "n01443537", "n02084071"],
        ["1", "01", "2"],
        ["7", "cat"],
    ],
    ids=lambda names: " ".join(names[:3]),
)
def test_classes_are_in_natural_order(tmp_path, names):
    for i, name in enumerate(names):
        picture(tmp_path / name / "0.png", (20 * i, 0, 0))
    images = from_folder(tmp_path)
    expected = ["01", "1", "2"] if names == ["1", "01", "2"] else names
    assert images.class_names == expected
    seen = {images.class_names[label]: images.open(i).getpixel((0, 0))[0] for i, label in enumerate(images.labels)}
    assert seen == {name: 20 * i for i, name in enumerate(names)}


@pytest.mark.parametrize("names", [["①", "②"], ["10²", "10³"]])
def test_superscripts_and_circled_digits_are_sorted_too(names):
    assert sorted(reversed(names), key=natural_key) == names


@pytest.mark.parametrize("end", ["PNG", "Png", "jPeG", "JFIF", "TIF"])
def test_endings_of_any_case_are_of_the_same_class(tmp_path, end):
    for name in ("red/0.png", f"red/1.{end}", f"blue/0.{end}"):
        picture(tmp_path / name)
    assert counts(from_folder(tmp_path)) == {"blue": 1, "red": 2}


def test_classes_that_are_left_out_whole_are_named(tmp_path):
    for name in ("red/0.png", "blue/0.png"):
        picture(tmp_path / name)
    for name in ("scan10/0.DCM", "scan2/0.DCM", "red/1.DCM", "blue/readme.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\0" * 200)
    images = from_folder(tmp_path)
    assert images.class_names == ["blue", "red"]
    assert images.notes == (
        "4 files are left out (3 .DCM, 1 .txt): convert them to PNG; no image is left of 'scan2', 'scan10'.",
    )


def test_a_folder_of_nothing_that_is_read_says_what_would_help(tmp_path):
    for i in range(3):
        (tmp_path / f"{i}.CR2").write_bytes(b"\0" * 200)
    with pytest.raises(HeatError, match=r"holds no images: 3 files are left out \(3 \.CR2\): develop them to JPEG"):
        open_dataset(str(tmp_path))


def test_deep_grey_is_noted_and_colour_is_not(tmp_path):
    picture(tmp_path / "a" / "0.png")
    assert from_folder(tmp_path).notes == ()
    Image.fromarray(np.full((4, 4), 3000, np.uint16)).save(tmp_path / "a" / "1.png")
    (note,) = from_folder(tmp_path).notes
    assert note == "Grey images of more than 8 bits are scaled to 8 by their range (1.png for one)."


def test_links_that_lead_nowhere_are_no_images(tmp_path):
    picture(tmp_path / "set" / "a" / "0.png")
    (tmp_path / "set" / "a" / "gone.png").symlink_to(tmp_path / "missing.png")
    (tmp_path / "set" / "b").symlink_to(tmp_path / "missing")
    (tmp_path / "set" / "a" / "up").symlink_to(tmp_path / "set")
    assert from_folder(tmp_path / "set").ids == ["a/0.png"]


def test_a_link_to_itself_is_no_image(tmp_path):
    picture(tmp_path / "a" / "0.png")
    (tmp_path / "a" / "loop").symlink_to("loop")
    (tmp_path / "a" / "loop.png").symlink_to("loop.png")
    assert from_folder(tmp_path).ids == ["a/0.png"]


@pytest.mark.parametrize("place", ["", "red"])
def test_a_folder_that_may_not_be_read_gives_a_sentence(tmp_path, monkeypatch, place):
    for name in ("red", "blue"):
        picture(tmp_path / name / "0.png")
    real, shut = os.scandir, str(tmp_path / place) if place else str(tmp_path)

    def refusing(path="."):
        if str(path) == shut:
            raise PermissionError(13, "Permission denied", shut)
        return real(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(HeatError, match=rf"{shut} cannot be read \(Permission denied\): change its permissions"):
        from_folder(tmp_path)


def test_other_pixels_of_the_same_size_and_time_differ(tmp_path):
    """Other pixels under the same file size and time make another set."""
    path, prints = tmp_path / "a" / "0.bmp", []
    path.parent.mkdir()
    for colour in (RED, BLUE):
        Image.new("RGB", (8, 8), colour).save(path)
        os.utime(path, (1e9, 1e9))
        prints.append((from_folder(tmp_path).fingerprint, from_files([path]).fingerprint, path.stat().st_size))
        time.sleep(0.05)  # clocks of file systems are coarse
    assert prints[0][2] == prints[1][2]
    assert prints[0][0] != prints[1][0]
    assert prints[0][1] != prints[1][1]


def test_a_set_that_is_only_looked_at_stays_the_same_set(tmp_path):
    picture(tmp_path / "a" / "0.png")
    before = from_folder(tmp_path).fingerprint
    colours(from_folder(tmp_path))
    assert from_folder(tmp_path).fingerprint == before


def test_a_moved_set_keeps_its_fingerprint(tmp_path):
    """A moved set keeps its fingerprint, and a set with a renamed file does not."""
    picture(tmp_path / "set" / "a" / "0.png")
    before = from_folder(tmp_path / "set").fingerprint
    (tmp_path / "set").rename(tmp_path / "moved")
    assert from_folder(tmp_path / "moved").fingerprint == before
    (tmp_path / "moved" / "a" / "0.png").rename(tmp_path / "moved" / "a" / "1.png")
    assert from_folder(tmp_path / "moved").fingerprint != before


def test_loose_files_and_folders_of_them_are_taken(tmp_path):
    """Loose files are taken once, and folders of them as sets are."""
    for name in ("set/a.png", "set/.hidden/b.png", "loose.png"):
        picture(tmp_path / name)
    (tmp_path / "set" / "c.HEIC.txt").write_text("no")
    images = from_files([tmp_path / "loose.png", tmp_path / "set", tmp_path / "loose.png"])
    assert images.ids == [str(tmp_path / "loose.png"), str(tmp_path / "set" / "a.png")]
    assert len(images.notes) == 2
    with pytest.raises(HeatError, match=r"missing\.png does not exist"):
        from_files([tmp_path / "missing.png"])


def test_scan_gives_one_name_a_file_in_order(tmp_path):
    for name in ("b/1.png", "a/2.png", "a/10.png"):
        picture(tmp_path / name)
    found = scan_folder(tmp_path)
    assert found.names == ["a/10.png", "a/2.png", "b/1.png"]
    assert [p.relative_to(tmp_path).as_posix() for p in found.files] == found.names
