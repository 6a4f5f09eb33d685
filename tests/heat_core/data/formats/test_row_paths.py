"""Paths of rows as Windows, macOS, browsers and clouds write them, and lists behind links."""

import os
import unicodedata

import pytest

from heat_core import Experiment, HeatError
from heat_core.data.datasets import from_files, open_dataset
from tests.conftest import make_folder


@pytest.fixture
def folder(tmp_path):
    """A folder with images whose names have accents, spaces and a backslash."""
    make_folder(tmp_path / "é", {"": 2})
    (tmp_path / "a b").mkdir()
    for name in ("a b/ü.png", " c.png", "x\\y.png"):
        os.link(tmp_path / "é" / "000.png", tmp_path / name)
    return tmp_path


def read(folder, *paths: str):
    """Ids and notes of the images that a list with these paths has."""
    (folder / "l.csv").write_bytes("\n".join(["path", *(f'"{path}"' for path in paths)]).encode())
    images = open_dataset(str(folder / "l.csv"))
    assert all(path.is_file() for path in images.files)
    return images.ids, images.notes


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("é\\000.png", "é/000.png"),
        ("x\\y.png", "x\\y.png"),  # a file of this name
        (" é/000.png ", "é/000.png"),
        (" c.png", " c.png"),
        ("a b\\ü.png", "a b/ü.png"),
        (unicodedata.normalize("NFD", "a b/ü.png"), "a b/ü.png"),
        (unicodedata.normalize("NFD", " é\\001.png"), "é/001.png"),
        ("file:a%20b/%C3%BC.png", "a b/ü.png"),
        ("a%20b/%C3%BC.png", "a b/ü.png"),
        (".\\a b\\ü.png", "./a b/ü.png"),
    ],
)
def test_paths_of_other_systems_are_found(folder, path, found):
    assert read(folder, path) == ([found], ())


def test_a_file_in_the_form_of_macos_is_found(folder):
    decomposed = unicodedata.normalize("NFD", "é")
    (folder / "mac").mkdir()
    os.link(folder / "é" / "000.png", folder / "mac" / f"{decomposed}.png")
    assert read(folder, "mac/é.png")[0] == [f"mac/{decomposed}.png"]


@pytest.mark.parametrize("start", ["file://", "file://localhost", "FILE:"])
def test_addresses_of_files_are_paths(folder, start):
    ids, _ = read(folder, f"{start}{folder}/a%20b/%C3%BC.png")
    assert ids == [f"{folder}/a b/ü.png"]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("s3://bucket/a.png", "s3:// is an address: download the files, and give their paths"),
        ("https://host/a.png?x=1", "https:// is an address: download the files"),
        ("hf://datasets/a/b.png", "hf:// is an address"),
        ("C:\\data\\a.png", "a path of a Windows computer: give paths relative to the list's folder"),
        ("\\\\server\\share\\a.png", "a path of a Windows computer"),
        ("file:///gone/a.png", "a file that is not there"),
    ],
)
def test_paths_that_cannot_be_read_are_given_the_true_reason(folder, path, reason):
    assert f"l.csv, row 2: {reason}" in read(folder, path, "é/000.png")[1][0]
    with pytest.raises(HeatError, match="lists no images"):
        read(folder, path)


def link_to_blob(folder):
    """A list as the Hugging Face hub lays it out: a link beside its images, to a blob without an ending."""
    (folder / "blobs").mkdir()
    (folder / "blobs" / "0a1b").write_text("path\nimg.png\n")
    (folder / "snapshot").mkdir()
    os.link(folder / "é" / "000.png", folder / "snapshot" / "img.png")
    os.symlink("../blobs/0a1b", folder / "snapshot" / "list.csv")
    return folder / "snapshot" / "list.csv"


def test_a_list_behind_a_link_is_beside_its_images(folder):
    link = link_to_blob(folder)
    images = open_dataset(str(link))
    assert (images.name, images.ids, list(images.files)) == ("list", ["img.png"], [link.parent / "img.png"])
    assert from_files([link]).ids == [str(link.parent / "img.png")]
    assert Experiment(id=str(link), ood={}).with_absolute_paths().id == str(link)


def test_a_link_elsewhere_leads_to_the_images_of_the_list(folder):
    (folder / "list.csv").write_text("path\né/001.png\n")
    (folder / "elsewhere").mkdir()
    os.symlink("../list.csv", folder / "elsewhere" / "mine.csv")
    assert list(open_dataset(str(folder / "elsewhere" / "mine.csv")).files) == [folder / "é" / "001.png"]


def test_links_above_a_list_do_not_change_its_settings(folder):
    link = link_to_blob(folder)
    os.symlink(folder, folder.parent / f"{folder.name}-linked")
    again = folder.parent / f"{folder.name}-linked" / "snapshot" / "list.csv"
    assert Experiment(id=str(again), ood={}).with_absolute_paths().id == str(link)
    assert open_dataset(str(again)).fingerprint == open_dataset(str(link)).fingerprint
