"""Image sets as arrays, and how they are varied."""

import numpy as np
import torch

from heat_core.data.datasets import open_dataset
from heat_core.training import image_cache
from heat_core.training.image_cache import Augmentation, ImageBatches, PixelArray, channel_statistics, load_pixels

CPU = torch.device("cpu")
CLASSES = ["a", "b"]


def test_images_are_decoded_once(tmp_path, image_folder, monkeypatch):
    images, said = open_dataset(str(image_folder(tmp_path / "test", dict.fromkeys(CLASSES, 5)))), []
    first = load_pixels(images, 32, said.append, report_every=0.0)
    assert said[-1] == "10 of 10 images of test are read."
    monkeypatch.setattr(image_cache, "create_transform", None)
    assert load_pixels(images, 32).digest == first.digest


def test_varied_images_are_those_of_the_plain_formula():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, (6, 16, 16, 3), dtype=np.uint8)
    mean, std = channel_statistics(values)
    x = values.astype(np.float64) / 255
    np.testing.assert_allclose(mean, x.mean(axis=(0, 1, 2)), atol=1e-4)
    np.testing.assert_allclose(std, x.std(axis=(0, 1, 2)), atol=1e-4)
    batches = ImageBatches(PixelArray(values, np.arange(6), CLASSES, []), mean, std, CPU)
    draw = Augmentation(
        torch.tensor([4, 0, 5]), torch.tensor([[2, -1], [-2, 0], [0, 1]]), torch.tensor([False, True, True])
    )
    for got, row, (down, right), flip in zip(batches.augmented(draw), *(part.tolist() for part in draw), strict=True):
        picture = x[row, :, ::-1] if flip else x[row]
        bordered = np.pad(picture, ((2, 2), (2, 2), (0, 0)), mode="reflect")
        # a mirrored picture moves the other way: its places are counted from the right
        left = 2 - right if flip else 2 + right
        expected = bordered[2 + down : 18 + down, left : left + 16]
        np.testing.assert_allclose(got.permute(1, 2, 0), (expected - mean) / std, atol=1e-5)
    assert batches.augmented(draw).is_contiguous(memory_format=torch.channels_last)


def test_what_an_epoch_draws_depends_on_seed_and_number_alone():
    pixels = PixelArray(np.zeros((21, 32, 32, 3), np.uint8), np.zeros(21, np.int64), CLASSES, [])
    batches = ImageBatches(pixels, (0.5,) * 3, (1.0,) * 3, CPU)

    def rows(seed: int, epoch: int) -> list[int]:
        return [int(row) for draw in batches.iter_augmentations(seed, epoch, 4) for row in draw.rows]

    assert batches.per_epoch(4) == 5
    assert len(set(rows(0, 0))) == len(rows(0, 0)) == 20
    assert rows(0, 0) == rows(0, 0)
    assert rows(0, 1) != rows(0, 0) != rows(1, 0)
    (only,) = batches.iter_augmentations(0, 0, 64)
    assert len(only.rows) == 21
    shifts = torch.cat([draw.shifts for epoch in range(20) for draw in batches.iter_augmentations(0, epoch, 4)])
    assert (int(shifts.min()), int(shifts.max())) == (-4, 4)
