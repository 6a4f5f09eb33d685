import errno
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from heat_core import HeatError
from heat_core.backbones.registry import load_backbone
from heat_core.data.datasets import open_dataset
from heat_core.features.extraction import extract
from heat_core.features.features import Features
from heat_core.features.kept_rows import KeptRows

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def backbone():
    return load_backbone("heat-demo-resnet")


def only(folder):
    (found,) = folder.iterdir()
    return found


def test_columns_are_the_networks(backbone):
    images = open_dataset("demo-digits", "test").limited(5)
    features = extract(backbone, images, CPU, batch_size=7)
    pixels = torch.stack([backbone.transform(images.open(i)) for i in range(len(images))])
    with torch.inference_mode():
        avg, std = backbone(pixels)
    np.testing.assert_allclose(features.avg, avg, atol=1e-5)
    np.testing.assert_allclose(features.std, std, atol=1e-5)
    assert features.ids == images.ids
    np.testing.assert_array_equal(features.labels, images.labels)


def test_second_time_reads_the_cache(backbone):
    images = open_dataset("demo-digits", "test").limited(5)
    extract(backbone, images, CPU)
    reports = []
    extract(backbone, images, CPU, on_progress=reports.append)
    assert reports == []
    extract(backbone, images.limited(2), CPU, on_progress=reports.append)  # other images: not the same features
    assert reports[-1]["done"] == reports[-1]["total"] == 12


CHILD = """
import sys, time, torch
from heat_core.features import extraction
from heat_core.backbones.registry import load_backbone
from heat_core.data.datasets import open_dataset
extraction.SAVE_EVERY = 0.0
pause = float(sys.argv[1])
def report(r):
    print(r["done"], flush=True)
    time.sleep(pause)
backbone, images = load_backbone("heat-demo-resnet"), open_dataset("demo-digits", "train")
extraction.extract(backbone, images, torch.device("cpu"), 32, on_progress=report)
"""


def child(home, pause: float) -> subprocess.Popen:
    env = os.environ | {"HEAT_HOME": str(home)}
    return subprocess.Popen([sys.executable, "-c", CHILD, str(pause)], env=env, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_killed_and_resumed_gives_identical_files(tmp_path):
    whole = child(tmp_path / "whole", 0)
    first_pass = whole.communicate()[0].split()
    killed = child(tmp_path / "killed", 0.2)
    for _ in range(8):
        killed.stdout.readline()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    resumed = child(tmp_path / "killed", 0)
    second_pass = resumed.communicate()[0].split()
    assert whole.returncode == resumed.returncode == 0
    assert 0 < len(second_pass) < len(first_pass)
    a, b = (only(tmp_path / which / "features" / "heat-demo-resnet") for which in ("whole", "killed"))
    assert a.name == b.name
    assert sorted(p.name for p in a.iterdir()) == ["avg.npy", "labels.npy", "meta.json", "std.npy"]
    for file in a.iterdir():
        assert file.read_bytes() == (b / file.name).read_bytes(), file.name


def test_unreadable_images_are_named_and_skipped(tmp_path, image_folder, backbone):
    folder = image_folder(tmp_path / "pets", {"cat": 6, "dog": 6})
    whole = (folder / "cat" / "002.png").read_bytes()
    (folder / "cat" / "002.png").write_bytes(whole[: len(whole) // 2])
    (folder / "dog" / "001.jpg").write_text("I am no image")
    (folder / "dog" / "009.png").write_bytes(b"")
    features = extract(backbone, open_dataset(str(folder)), CPU, batch_size=4)
    assert sorted(features.skipped) == ["cat/002.png", "dog/001.jpg", "dog/009.png"]
    assert len(features) == len(features.labels) == 11
    assert "cat/002.png" not in features.ids
    np.testing.assert_array_equal(features.labels, [0] * 5 + [1] * 6)


def test_nothing_readable_gives_a_sentence(tmp_path, backbone):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.jpg").write_text("no")
    with pytest.raises(HeatError, match="None of the 1 images"):
        extract(backbone, open_dataset(str(tmp_path / "bad")), CPU)


def test_a_full_disk_gives_a_sentence_and_loses_nothing(backbone, monkeypatch, home):
    images = open_dataset("demo-digits", "train")
    real, calls = np.lib.format.open_memmap, []

    def full(*args, **keywords):
        calls.append(args)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*args, **keywords)

    monkeypatch.setattr(np.lib.format, "open_memmap", full)
    with pytest.raises(HeatError, match=r"No space left.*HEAT_HOME"):
        extract(backbone, images, CPU)
    monkeypatch.undo()
    os.environ["HEAT_HOME"] = str(home)
    assert len(extract(backbone, images, CPU)) == len(images)


def test_nan_features_name_the_image(tmp_path):
    columns = np.ones((3, 4), np.float32)
    columns[1, 2] = np.nan
    with pytest.raises(HeatError, match=r"1 of 3 images.*first b"):
        Features(columns, np.ones((3, 4)), None, ["a", "b", "c"])
    with pytest.raises(HeatError, match="differ in length"):
        Features(np.ones((3, 4)), np.ones((2, 4)), None, ["a", "b", "c"])


def test_cut_off_features_give_a_sentence(backbone, home):
    images = open_dataset("demo-digits", "test").limited(5)
    extract(backbone, images, CPU)
    folder = only(home / "features" / "heat-demo-resnet")
    (folder / "avg.npy").write_bytes((folder / "avg.npy").read_bytes()[:100])
    with pytest.raises(HeatError, match="cut off"):
        extract(backbone, images, CPU)


def test_progress_counts_and_forecasts(backbone):
    reports = []
    began = time.monotonic()
    extract(backbone, open_dataset("demo-digits", "test"), CPU, batch_size=100, on_progress=reports.append)
    assert [r["done"] for r in reports] == [100, 200, 300, 400, 500, 600, 700, 724]
    assert reports[-1]["eta"] == 0
    assert reports[-1]["images_per_s"] >= 724 / (time.monotonic() - began)


def test_a_disk_without_room_for_a_column_gives_a_sentence(backbone, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(HeatError, match="free some disk space"):
        extract(backbone, open_dataset("demo-digits", "test").limited(3), CPU)


def test_two_extractions_of_one_set_at_the_same_time_are_one(backbone):
    images = open_dataset("demo-digits", "test").limited(20)
    results, other = [], []

    def progress(record):
        if not other:
            other.append(threading.Thread(target=lambda: results.append(extract(backbone, images, CPU, 8))))
            other[0].start()
            time.sleep(0.3)

    results.append(extract(backbone, images, CPU, 8, on_progress=progress))
    other[0].join()
    np.testing.assert_array_equal(results[0].avg, results[1].avg)


def test_a_partial_folder_without_its_columns_begins_again(backbone, home):
    images = open_dataset("demo-digits", "test").limited(4)
    expected = np.array(extract(backbone, images, CPU, 8).avg)
    folder = only(home / "features" / "heat-demo-resnet")
    work = folder.with_name(f"{folder.name}.partial-8-cpu-avg-std")
    folder.rename(work)
    (work / "avg.npy").unlink()
    (work / "progress.json").write_text('{"done": 16, "skipped": []}')
    np.testing.assert_array_equal(extract(backbone, images, CPU, 8).avg, expected)


def test_rows_that_were_to_be_copied_are_not_taken_for_done(backbone, home, monkeypatch):
    """An extraction stopped, then a copy of kept rows into the same folder: the next one begins again."""
    images = open_dataset("demo-digits", "test").limited(4)
    expected = np.array(extract(backbone, images, CPU, 8).avg)
    folder = only(home / "features" / "heat-demo-resnet")
    work = folder.with_name(f"{folder.name}.partial-8-cpu-avg-std")
    folder.rename(work)
    (work / "progress.json").write_text('{"done": 16, "skipped": []}')
    known = images.limited(2)
    extract(backbone, known, CPU, 8)

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(KeptRows, "copy_into", stop)
        with pytest.raises(KeyboardInterrupt):
            extract(backbone, images, CPU, 8, known_sets=[known])
    np.testing.assert_array_equal(extract(backbone, images, CPU, 8).avg, expected)


def test_a_folder_that_lost_its_description_is_made_again(backbone, home):
    images = open_dataset("demo-digits", "test").limited(4)
    ids = extract(backbone, images, CPU).ids
    (only(home / "features" / "heat-demo-resnet") / "meta.json").unlink()
    assert extract(backbone, images, CPU).ids == ids


def test_an_unreadable_class_does_not_shift_the_others(backbone, tmp_path, image_folder):
    """A class whose images cannot be read does not shift the numbers of the others."""
    folder = image_folder(tmp_path / "set", {"a": 4, "b": 3, "c": 4})
    for file in (folder / "b").iterdir():
        file.write_text("no picture")
    features = extract(backbone, open_dataset(str(folder)), CPU)
    assert features.class_names == ["a", "c"]
    assert [features.class_names[c] for c in features.labels] == ["a"] * 4 + ["c"] * 4
