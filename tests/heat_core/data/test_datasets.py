import pickle
import shutil

import numpy as np
import pytest
from PIL import Image

from heat_core import Experiment, HeatError
from heat_core.data.datasets import TORCHVISION, known_names, open_dataset
from heat_core.data.demo import demo_sets
from heat_core.data.image_set import require_classes


def test_folder_with_classes(tmp_path, image_folder):
    images = open_dataset(str(image_folder(tmp_path / "pets", {"cat": 3, "dog": 2})))
    assert images.ids == ["cat/000.png", "cat/001.png", "cat/002.png", "dog/000.png", "dog/001.png"]
    assert images.class_names == ["cat", "dog"]
    np.testing.assert_array_equal(images.labels, [0, 0, 0, 1, 1])
    assert images.open(0).mode == "RGB"
    assert pickle.loads(pickle.dumps(images)).ids == images.ids  # travels to loader workers


def test_flat_folder_ignores_other_files(tmp_path, image_folder):
    folder = image_folder(tmp_path / "flat", {"": 2})
    (folder / "notes.txt").write_text("not an image")
    images = open_dataset(str(folder))
    assert (len(images), images.labels) == (2, None)


def test_ids_are_kept_under_limits_and_splits(tmp_path, image_folder):
    images = open_dataset(str(image_folder(tmp_path / "pets", {"cat": 10, "dog": 5})))
    some = images.limited(2)
    assert some.ids == ["cat/000.png", "cat/001.png", "dog/000.png", "dog/001.png"]
    for i, sample in enumerate(some.ids):
        assert np.array_equal(some.open(i), images.open(images.ids.index(sample)))
    train, test = images.split()
    assert sorted(train.ids + test.ids) == images.ids
    assert test.ids == ["cat/004.png", "cat/009.png", "dog/004.png"]
    assert len({images.fingerprint, some.fingerprint, train.fingerprint, test.fingerprint}) == 4


def test_fingerprint_follows_the_content(tmp_path, image_folder):
    folder = image_folder(tmp_path / "pets", {"cat": 2, "dog": 2})
    before = open_dataset(str(folder)).fingerprint
    assert open_dataset(str(folder)).fingerprint == before
    Image.new("RGB", (8, 8)).save(folder / "cat" / "000.png")
    assert open_dataset(str(folder)).fingerprint != before


def test_refusals(tmp_path, image_folder):
    (tmp_path / "empty").mkdir()
    with pytest.raises(HeatError, match="no images"):
        open_dataset(str(tmp_path / "empty"))
    with pytest.raises(HeatError, match="neither a folder nor a known dataset"):
        open_dataset("cifar11")
    with pytest.raises(HeatError, match="two classes"):
        require_classes(open_dataset(str(image_folder(tmp_path / "one", {"cat": 3}))))
    with pytest.raises(HeatError, match="two classes"):
        require_classes(open_dataset(str(image_folder(tmp_path / "flat", {"": 3}))))
    with pytest.raises(HeatError, match="extract it"):
        open_dataset("tiny-imagenet")


def test_named_sets_without_internet_say_what_to_do():
    for name in ("cifar10", "cifar100", "svhn", "textures", "places365", "mnist", "fashion-mnist", "stl10"):
        assert name in known_names()
    with pytest.raises(HeatError, match="internet"):
        open_dataset("mnist")


def write_mnist(home) -> None:
    """MNIST's layout, written small."""
    folder = home / "data" / "MNIST" / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    for stem, count in (("train", 4), ("t10k", 2)):
        header = np.array([0x803, count, 28, 28], ">i4").tobytes()
        (folder / f"{stem}-images-idx3-ubyte").write_bytes(header + bytes(range(count)) * 784)
        (folder / f"{stem}-labels-idx1-ubyte").write_bytes(
            np.array([0x801, count], ">i4").tobytes() + bytes(range(count))
        )


def test_torchvision_files_that_are_there_are_read(home):
    write_mnist(home)
    train, test = open_dataset("mnist", "train"), open_dataset("mnist", "test")
    assert (len(train), len(test)) == (4, 2)
    assert train.ids[3] == "mnist/train/000003"
    assert train.open(1).size == (28, 28)
    np.testing.assert_array_equal(train.labels, [0, 1, 2, 3])


def test_another_split_or_content_of_torchvision_is_another_set(home, monkeypatch):
    """Features are stored by the fingerprint: the name and the role alone would return those of another split."""
    write_mnist(home)
    first = open_dataset("mnist", "train").fingerprint
    assert open_dataset("mnist", "train").fingerprint == first
    with monkeypatch.context() as changed:
        changed.setitem(TORCHVISION, "mnist", ("MNIST", {"train": True, "transform": None}, {"train": False}))
        other_keywords = open_dataset("mnist", "train").fingerprint
    images = home / "data" / "MNIST" / "raw" / "train-images-idx3-ubyte"
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    assert len({first, other_keywords, open_dataset("mnist", "train").fingerprint}) == 3


def test_torchvision_sets_of_files_have_a_fingerprint_of_these(home):
    root = home / "data" / "dtd" / "dtd"
    for name in ("banded", "dotted"):
        (root / "images" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(root / "images" / name / f"{name}_1.png")
    (root / "labels").mkdir()
    for split in ("train1", "test1"):
        (root / "labels" / f"{split}.txt").write_text("banded/banded_1.png\ndotted/dotted_1.png\n")
    before = open_dataset("textures", "test")
    assert (len(before), before.class_names) == (2, ["banded", "dotted"])
    assert open_dataset("textures", "test").fingerprint == before.fingerprint
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (9, 4)).save(root / "images" / "banded" / "banded_1.png", exif=exif)
    assert open_dataset("textures", "test").fingerprint != before.fingerprint
    assert open_dataset("textures", "test").open(0).size == (4, 9)  # upright, as from a folder


def test_extracted_tiny_imagenet(home, image_folder):
    image_folder(home / "data" / "tiny-imagenet-200" / "val", {"images": 3})
    assert len(open_dataset("tiny-imagenet")) == 3
    shutil.rmtree(home / "data")


def test_demo_sets_are_disjoint_and_real():
    train, test = open_dataset("demo-digits", "train"), open_dataset("demo-digits", "test")
    assert not set(train.ids) & set(test.ids)
    assert set(train.labels) == set(test.labels) == set(range(demo_sets.KNOWN_DIGITS))
    assert all(len(open_dataset(name)) >= 300 for name in demo_sets.SETS)
    assert open_dataset("demo-photo-patches").open(0).size == (32, 32)


def test_linked_classes_are_followed_and_loops_are_not(tmp_path, image_folder):
    elsewhere = image_folder(tmp_path / "elsewhere", {"b": 3})
    folder = image_folder(tmp_path / "set", {"a": 2})
    (folder / "b").symlink_to(elsewhere / "b")
    (folder / "a" / "up").symlink_to(folder)
    images = open_dataset(str(folder))
    assert images.class_names == ["a", "b"]
    assert len(images) == 5
    assert images.open(4).size == (32, 32)


def test_folders_that_link_to_each_other_end(tmp_path, image_folder):
    folder = image_folder(tmp_path / "set", {"a": 1, "b": 2})
    (folder / "a" / "l").symlink_to(folder / "b")
    (folder / "b" / "l").symlink_to(folder / "a")
    assert len(open_dataset(str(folder))) == 6  # each one's images, and the other's through its link


def test_an_image_beside_the_classes_is_named(tmp_path, image_folder):
    folder = image_folder(tmp_path / "set", {"a": 2, "b": 2, "": 1})
    with pytest.raises(HeatError, match=r"000\.png lies beside"):
        require_classes(open_dataset(str(folder)))


def test_16_bits_a_pixel_are_scaled_and_not_clipped(tmp_path):
    (tmp_path / "deep").mkdir()
    Image.fromarray(np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16)).save(tmp_path / "deep" / "x.png")
    assert 120 < np.asarray(open_dataset(str(tmp_path / "deep")).open(0)).mean() < 135


def test_without_five_images_a_class_nothing_can_be_held_out(tmp_path, image_folder):
    with pytest.raises(HeatError, match="give an ID test set"):
        open_dataset(str(image_folder(tmp_path / "set", {"a": 4, "b": 4}))).split()


def test_a_run_keeps_its_folders_from_any_working_directory(tmp_path, image_folder, monkeypatch):
    image_folder(tmp_path / "mine", {"a": 2, "b": 2})
    monkeypatch.chdir(tmp_path)
    kept = Experiment(id="mine", ood={"far": "demo-photo-patches"}).with_absolute_paths()
    assert kept.id == str(tmp_path / "mine")
    assert kept.ood == {"far": "demo-photo-patches"}
