"""The same pictures in other files of two sets: encoded again, or resized; other pictures and crops are none."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from heat_core.data.datasets import open_dataset
from heat_core.features.features import Features
from heat_core.pipeline.copies import near_duplicates
from heat_core.pipeline.copies.near_duplicates import LoadedSet, mark_near_duplicates, near_duplicate_notes


def photo(seed: int) -> Image.Image:
    """A picture with structure at every scale, as photographs have."""
    rng = np.random.default_rng(seed)
    layers = [
        np.asarray(Image.fromarray(rng.integers(0, 256, (n, n, 3), dtype=np.uint8)).resize((96, 96)), float)
        for n in (3, 6, 12, 24)
    ]
    return Image.fromarray(np.mean(layers, axis=0).astype(np.uint8))


def loaded(folder) -> LoadedSet:
    """A set with features that are the pixels at a low resolution."""
    images = open_dataset(str(folder))
    pixels = [np.asarray(images.open(i).resize((6, 6)), np.float32).ravel() for i in range(len(images))]
    return LoadedSet(Features(np.stack(pixels), None, None, images.ids), images)


@pytest.fixture
def folders(tmp_path):
    for name, seeds in {"train": range(30), "id": range(100, 120), "ood": range(200, 215)}.items():
        (tmp_path / name).mkdir()
        for seed in seeds:
            photo(seed).save(tmp_path / name / f"{seed}.png")
    return tmp_path


def notes(folders) -> list[str]:
    return near_duplicate_notes({name: loaded(folders / name) for name in ("train", "id", "ood")})


def test_other_pictures_are_no_duplicates(folders):
    assert notes(folders) == []


def test_copies_encoded_again_or_resized_are_counted(folders):
    photo(3).save(folders / "id" / "x.jpg", quality=60)
    photo(4).resize((48, 48)).save(folders / "id" / "y.png")
    photo(5).resize((150, 150)).save(folders / "id" / "z.webp")
    photo(201).filter(ImageFilter.GaussianBlur(0.5)).save(folders / "ood" / "again.jpg")
    photo(101).save(folders / "ood" / "known.jpg")
    of_id, of_ood = notes(folders)
    assert of_id.startswith("3 of the 23 images of the ID test set are near-duplicates of images of the training set")
    assert of_id.endswith("figures on them are of images that were learned.")
    assert of_ood.startswith("1 of the 17 images of 'ood' are near-duplicates of images of the ID test set")
    assert "(first known.jpg of 101.png): they cannot be told apart." in of_ood


def test_byte_copies_and_crops_are_not_counted_here(folders):
    (folders / "id" / "copy.png").write_bytes((folders / "train" / "3.png").read_bytes())
    (folders / "id" / "link.png").symlink_to(folders / "train" / "4.png")
    assert notes(folders) == []
    sets = {name: loaded(folders / name) for name in ("train", "id", "ood")}
    train = sets["train"]
    sets["id"] = LoadedSet(train.features, replace(train.images, boxes=np.tile([2.0, 2.0, 90.0, 90.0], (30, 1))))
    assert near_duplicate_notes(sets) == []


def test_shifted_sets_may_show_the_test_images(folders):
    (folders / "rain").mkdir()
    for seed in (100, 101, 102):
        photo(seed).save(folders / "rain" / f"{seed}.jpg", quality=70)
    photo(102).save(folders / "rain" / "again.png")
    photo(3).save(folders / "rain" / "trained.jpg", quality=70)
    sets = {name: loaded(folders / name) for name in ("train", "id", "ood", "rain")}
    marks, is_complete = mark_near_duplicates(sets, ["rain"])
    assert is_complete
    marked = {name: np.array(sets[name].features.ids)[mask].tolist() for name, mask in marks.items()}
    assert marked == {"train": ["3.png"], "id": [], "ood": [], "rain": ["102.jpg", "again.png", "trained.jpg"]}
    assert mark_near_duplicates(sets)[0]["id"].sum() == 3


def test_plain_pictures_are_not_compared(folders):
    """A correlation says nothing about pictures of one colour."""
    for name in ("train", "id"):
        Image.new("RGB", (32, 32), (200, 40, 40)).save(folders / name / f"plain-{name}.jpg")
    assert notes(folders) == []


def test_of_large_sets_a_part_is_looked_at(folders, monkeypatch):
    for seed in range(20):
        photo(seed).save(folders / "id" / f"{seed}.jpg", quality=60)
    monkeypatch.setattr(near_duplicates, "MOST_PRODUCTS", 30 * 40 * 108 / 2)
    assert "of the 40 images of the ID test set (one in 2 of them looked at)" in notes(folders)[0]
