"""Endings of picture files, and the sentence about files that are left out."""

import pytest

from heat_core.data.image_io import describe_unread_files, suffixes


def test_endings_are_those_of_pictures_that_are_read_here():
    assert {".png", ".jpg", ".jpeg", ".jfif", ".tif", ".tiff", ".webp", ".bmp", ".gif"} <= suffixes()
    assert not {".eps", ".ps", ".pdf", ".wmf", ".emf", ".mpg", ".h5", ".txt", ""} & suffixes()
    assert all(end == end.lower() and end.startswith(".") for end in suffixes())


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], ""),
        (["a.txt"], "1 file is left out (1 .txt)"),
        (["a.HEIC", "b.HEIC", "c.txt"], "3 files are left out (2 .HEIC, 1 .txt): install pillow-heif"),
        (["a.heic", "b.HEIC"], "2 files are left out (1 .heic, 1 .HEIC): install pillow-heif"),
        (["README", "b.dcm"], "2 files are left out (1 without an ending, 1 .dcm): convert them to PNG"),
        (
            ["a.NEF", "b.heif", "c.CR2"],
            "3 files are left out (1 .NEF, 1 .heif, 1 .CR2): develop them to JPEG; install pillow-heif",
        ),
    ],
    ids=["none", "one", "HEIC", "in their own case", "without an ending", "each help once"],
)
def test_files_that_are_left_out_are_counted_with_advice(names, sentence):
    """Files that are left out are counted, and a note says what would help."""
    assert describe_unread_files(names) == sentence


def test_the_most_frequent_endings_come_first():
    """The most frequent endings come first, and all files are counted."""
    names = [f"{i}.{end}" for k, end in enumerate("abcdefgh") for i in range(1000 if end == "h" else k + 1)]
    said = describe_unread_files(names)
    assert said.startswith("1,028 files are left out (1000 .h, 7 .g, ")
    assert ".a" not in said
