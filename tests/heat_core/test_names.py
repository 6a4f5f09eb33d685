"""Names from elsewhere can be printed, and become names of files."""

import os
from pathlib import Path

import pytest

from heat_core.names import file_name, printable


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("cifar10", "cifar10"),
        ("unseen digits", "unseen-digits"),
        ("hf-hub:timm/vit_base.orig", "hf-hub-timm-vit_base.orig"),
        ("../../etc/passwd", "etc-passwd"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("///", "unnamed"),
        (".hidden", "hidden"),
        ("a\\b\x00c\nd", "a-b-c-d"),
        ("Straße 東京", "Straße-東京"),
    ],
)
def test_names_of_sets_become_names_of_folders(tmp_path, text, name):
    assert file_name(text) == name
    (tmp_path / file_name(text)).mkdir()
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_long_names_are_cut_and_stay_different():
    a, b = "東" * 200 + "a", "東" * 200 + "b"
    assert file_name(a) != file_name(b)
    for name in (file_name(a), file_name("x" * 500), file_name("x" * 100)):
        assert len(name.encode()) <= 100
        assert file_name(name) == name
    assert file_name("x" * 100) == "x" * 100
    assert file_name("x" * 101).startswith("x" * 80)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain name.png", "plain name.png"),
        ("Straße 東京 👩\u200d🔬", "Straße 東京 👩\u200d🔬"),
        ("red\x1b[31m", "red\\x1b[31m"),
        ("two\nlines", "two\\nlines"),
        ("gnp.\u202eexe", "gnp.\\u202eexe"),
        (os.fsdecode(b"caf\xe9.png"), "caf\\xe9.png"),
        (Path("a/b"), "a/b"),
    ],
)
def test_names_can_be_printed(name, shown):
    assert printable(name) == shown
    printable(name).encode("utf-8")  # which what is no UTF-8 could not
    assert printable(printable(name)) == shown
