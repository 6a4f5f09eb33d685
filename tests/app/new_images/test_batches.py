"""Batches of new images: each holds exactly what was given for it, and is scored as long as its process lives."""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from app.common.text import escape_markdown
from app.new_images import batch_store
from heat_core import HeatError
from heat_core.data.datasets import from_files
from heat_core.jobs import jobs
from heat_core.runs.lock import LOG_FILE, record_starting_process
from tests.app.test_pages import page
from tests.conftest import copy_run


def png(shade: int) -> bytes:
    """A PNG of one grey."""
    content = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, shade, shade)).save(content, "PNG")
    return content.getvalue()


def zip_of(folder: Path) -> bytes:
    """A zip archive of a folder."""
    return Path(shutil.make_archive(str(folder), "zip", folder)).read_bytes()


@pytest.fixture
def given(demo_run, home, monkeypatch):
    """The page on a copy of the demo, and the paths of each batch that it starts."""
    copy_run(demo_run, home / "runs" / demo_run.id)
    batches: list[list[Path]] = []

    def start_scoring(run, paths, into):
        batches.append(paths)
        (into / LOG_FILE).write_text("")

    monkeypatch.setattr("app.new_images.batch_store.start_scoring", start_scoring)
    return page("new_images", run=demo_run.id), batches


def score_them(test) -> None:
    next(b for b in test.button if b.label == "Score").click().run()
    assert not test.exception, test.exception


def shades(paths: list[Path]) -> list[int]:
    """The grey of every image of a batch."""
    images = from_files(paths)
    return sorted(images.open(i).getpixel((0, 0))[0] for i in range(len(images)))


def test_a_second_drop_is_a_batch_of_its_own(given):
    test, batches = given
    test.file_uploader[0].set_value([(f"{i}.png", png(i), "image/png") for i in range(3)]).run()
    score_them(test)
    assert test.file_uploader[0].value in (None, [])
    test.file_uploader[0].set_value([("0.png", png(7), "image/png"), ("9.png", png(9), "image/png")]).run()
    score_them(test)
    assert [shades(paths) for paths in batches] == [[0, 1, 2], [7, 9]]


def test_the_same_drop_twice_is_two_equal_batches(given):
    test, batches = given
    for _ in range(2):
        test.file_uploader[0].set_value([("a.png", png(5), "image/png")]).run()
        score_them(test)
    assert [shades(paths) for paths in batches] == [[5], [5]]


def test_a_folder_after_a_drop_and_a_drop_after_a_folder(given, image_folder, tmp_path):
    test, batches = given
    folder = image_folder(tmp_path / "mine", {"": 4})
    test.file_uploader[0].set_value([("a.png", png(5), "image/png")]).run()
    score_them(test)
    test.text_input(key="batch-folder-1").set_value(str(folder)).run()
    score_them(test)
    assert test.text_input(key="batch-folder-2").value == ""
    test.file_uploader[0].set_value([("a.png", png(6), "image/png")]).run()
    score_them(test)
    assert [len(from_files(paths)) for paths in batches] == [1, 4, 1]
    assert batches[1] == [folder]


def test_both_at_once_are_announced(given, image_folder, tmp_path):
    test, batches = given
    folder = image_folder(tmp_path / "mine", {"": 4})
    test.file_uploader[0].set_value([("a.png", png(5), "image/png")]).run()
    test.text_input(key="batch-folder-0").set_value(str(folder)).run()
    assert any(c.value == "Scored as one batch, together with the dropped images (1)." for c in test.caption)
    score_them(test)
    assert [len(from_files(paths)) for paths in batches] == [5]


def test_equal_names_in_one_drop_stay_apart(given):
    test, batches = given
    names = ["001-a.png", "a.png", "A.png", "a.png", "b.png"]
    test.file_uploader[0].set_value([(name, png(i), "image/png") for i, name in enumerate(names)]).run()
    score_them(test)
    ((images,),) = batches
    assert shades([images]) == [0, 1, 2, 3, 4]
    assert {path.name for path in images.iterdir()} == {
        "001-a.png",
        "a.png",
        "002-A.png",
        "003-a.png",
        "b.png",
    }


def test_archives_and_lists_are_dropped_like_images(given, image_folder, tmp_path):
    test, batches = given
    folder = image_folder(tmp_path / "mine", {"red": 2, "blue": 2})
    packed = Path(shutil.make_archive(str(tmp_path / "Mine"), "tar", folder)).read_bytes()
    listed = f"path\tsite\n{folder}/red/000.png\tnorth\n".encode()
    uploads = [("Mine 1.TAR", packed, ""), ("a.png", png(5), ""), ("sites.tsv", listed, "")]
    test.file_uploader[0].set_value(uploads).run()
    score_them(test)
    test.file_uploader[0].set_value([("Mine 1.zip", zip_of(folder), "")]).run()
    score_them(test)
    assert [path.name for path in batches[0]] == ["images", "Mine-1.TAR", "sites.tsv"]
    assert [len(from_files(paths)) for paths in batches] == [6, 4]
    assert set(from_files(batches[0]).columns) == {"site"}
    test.file_uploader[0].set_value([("b.zip", b"no archive", "")]).run()
    score_them(test)
    assert "b.zip" in test.error[0].value.replace("\\", "")
    assert len(batches) == len(list(batches[0][0].parents[1].iterdir())) == 2  # nothing of it is left


def test_a_path_from_nowhere_is_said_before_a_batch_is_made(given, tmp_path):
    test, batches = given
    (tmp_path / "list.csv").write_text("name\nx\n")
    for path, sentence in ((tmp_path / "none", "does not exist"), (tmp_path / "list.csv", "list.csv")):
        test.text_input(key="batch-folder-0").set_value(str(path)).run()
        score_them(test)
        assert escape_markdown(sentence) in test.error[0].value
        assert test.text_input(key="batch-folder-0").value == str(path)  # to be mended
    assert batches == []


def test_a_batch_is_scored_only_while_its_process_lives(tmp_path):
    (tmp_path / LOG_FILE).write_text("")
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    record_starting_process(tmp_path, process.pid)
    assert batch_store.is_scoring(tmp_path)
    process.communicate(b"\n")
    assert not batch_store.is_scoring(tmp_path)
    assert "ended without a message" in batch_store.read_progress(tmp_path)


def test_the_process_that_scores_is_recorded(tmp_path, demo_run, monkeypatch):
    started = []

    def spawn(arguments, log):
        started.append(arguments)
        return SimpleNamespace(pid=os.getpid())

    monkeypatch.setattr(jobs, "spawn", spawn)
    (tmp_path / LOG_FILE).write_text("")
    jobs.start_scoring(demo_run, [Path("-odd")], tmp_path)
    assert batch_store.is_scoring(tmp_path)
    assert started[0][-3:] == ["--", str(demo_run.folder), "-odd"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("20260102-030405", "02 Jan 2026, 03:04:05"),
        ("20260102-030405-2", "02 Jan 2026, 03:04:05-2"),
        ("mine", "mine"),
    ],
)
def test_batches_show_their_time(name, shown):
    assert batch_store.format_batch_time(name) == shown


def test_batches_have_names_that_can_be_changed(given, image_folder, tmp_path):
    test, batches = given
    test.file_uploader[0].set_value([("a.png", png(5), ""), ("b.png", png(6), "")]).run()
    score_them(test)
    test.file_uploader[0].set_value([("frog.png", png(5), "")]).run()
    score_them(test)
    test.text_input(key="batch-folder-2").set_value(str(image_folder(tmp_path / "night shift", {"": 2}))).run()
    score_them(test)
    box = test.selectbox(key="choice-batch")
    assert [label.split(" · ")[0] for label in box.options] == ["night shift", "frog.png", "2 files"]
    newest = box.value
    test.text_input(key=f"batch-name-{newest}").set_value("day  ![x](http:evil)").run()
    assert test.selectbox(key="choice-batch").options[0].startswith("day ![x](http:evil) · ")
    assert test.selectbox(key="choice-batch").value == newest  # its links stay
    batch = batches[0][0].parents[1] / newest
    batch_store.rename_batch(batch, "")
    assert batch_store.batch_labels([batch]) == {newest: batch_store.format_batch_time(newest)}
    (batch / batch_store.BATCH_FILE).write_text("[")
    assert batch_store.batch_name(batch) == ""
    with pytest.raises(HeatError, match="201 characters"):
        batch_store.rename_batch(batch, "x" * 201)
