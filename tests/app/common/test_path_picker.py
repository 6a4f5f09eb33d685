"""The dialog that chooses a folder or a file: what it lists, and what it puts into the field."""

import os
import re

import pytest
from streamlit.testing.v1 import AppTest

from app.common.path_picker import IMAGE_SOURCES, WEIGHTS, list_folder
from heat_core import HeatError
from tests.app.runs.test_runs import texts
from tests.app.test_pages import page
from tests.synthetic import synthetic_run


@pytest.fixture
def folder(tmp_path, image_folder):
    """A folder with classes, an image, lists, weights, and what is not listed."""
    top = tmp_path / "photos"
    image_folder(top, {"": 2, "blue": 3, "![x](http:evil)": 1})
    for name in ("list.csv", "more.zip", "net.pth", "notes.txt", ".hidden.csv"):
        (top / name).touch()
    (top / ".cache").mkdir()
    return top


@pytest.fixture
def form(folder, home, monkeypatch) -> AppTest:
    """The form of a new run, in a home folder with the photos."""
    monkeypatch.setenv("HOME", str(folder.parent))
    synthetic_run(home / "runs" / "a")
    return page("runs", view="new")


def press(test: AppTest, key: str) -> AppTest:
    test.button(key=key).click().run()
    assert not test.exception
    return test


def entries(test: AppTest) -> list[str]:
    """The entries of the dialog, as they are shown."""
    found = [b for b in test.button if re.match(r"picker-\d", b.key or "")]
    return [b.label.replace("\\", "").replace("\u2060", "") for b in found]


def test_folders_and_files_that_can_be_chosen_are_listed(folder):
    found = list_folder(folder, IMAGE_SOURCES)
    assert (found.folders, found.files) == (["![x](http:evil)", "blue"], ["list.csv", "more.zip"])
    assert (found.images, found.unreadable) == (2, 0)
    assert list_folder(folder, WEIGHTS).files == ["net.pth"]


def test_names_that_no_field_can_hold_are_counted(folder):
    try:
        os.mkdir(os.fsencode(folder) + b"/\xff")
    except OSError:
        pytest.skip("this file system has no such names")
    found = list_folder(folder, IMAGE_SOURCES)
    assert (len(found.folders), found.unreadable) == (2, 1)


def test_a_folder_that_cannot_be_read_gives_a_sentence(folder):
    with pytest.raises(HeatError, match="gone cannot be read"):
        list_folder(folder / "gone", IMAGE_SOURCES)


def test_a_folder_is_chosen_for_its_field_alone(form, folder):
    press(form, "browse-id")
    at = entries(form).index("photos")  # it starts in the home folder
    press(form, f"picker-{at}-photos")
    assert entries(form) == ["![x](http:evil)", "blue", "list.csv", "more.zip"]
    assert "2 folders · 2 images directly in this folder" in texts(form)
    form.text_input(key="picker-find").set_value("BLU").run()
    assert entries(form) == ["blue"]
    press(form, "picker-0-blue")
    press(form, "picker-up")
    press(form, "picker-use")
    assert form.text_input(key="new-1-id").value == str(folder)
    assert form.text_input(key="new-1-id_test").value == ""
    assert "picker-use" not in [b.key for b in form.button]


def test_a_list_is_chosen_for_an_ood_set_and_a_file_for_weights(form, folder):
    form.text_input(key="new-ood-0-source").set_value(str(folder)).run()
    press(form, "browse-ood-0-source")  # which starts where the field points to
    press(form, "picker-2-list.csv")
    assert form.text_input(key="new-1-ood-0-source").value == str(folder / "list.csv")
    form.text_input(key="new-1-weights").set_value(str(folder / "none.pth")).run()
    press(form, "browse-weights")
    assert entries(form)[-1] == "net.pth"
    assert "picker-use" not in [b.key for b in form.button]
    press(form, f"picker-{len(entries(form)) - 1}-net.pth")
    assert form.text_input(key="new-2-weights").value == str(folder / "net.pth")
