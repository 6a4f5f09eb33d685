"""Images that two runs list under different paths: links, hard links, copies, crops of one file, repeated images."""

import os
import shutil
from dataclasses import replace

import numpy as np

from heat_core.data.datasets import open_dataset
from heat_core.pipeline.copies.same_images import same_images
from tests.conftest import make_folder


def test_images_are_matched_whatever_their_names(tmp_path):
    made = make_folder(tmp_path / "first", {"": 6})
    other = make_folder(tmp_path / "second set", {"": 2})  # pictures of their own
    shutil.copy(made / "000.png", other / "z copy.png")
    os.link(made / "001.png", other / "y hard link.png")
    (other / "x link.png").symlink_to(made / "002.png")
    shutil.copy(made / "003.png", made / "twin.png")
    shutil.copy(made / "003.png", other / "w copy of twins.png")
    first, second = open_dataset(str(made)), open_dataset(str(other))
    pairs = same_images([first], [second])
    assert [(first.ids[i], second.ids[j]) for i, j in zip(*pairs, strict=True)] == [
        ("000.png", "z copy.png"),
        ("001.png", "y hard link.png"),
        ("002.png", "x link.png"),
        ("003.png", "w copy of twins.png"),  # each image is matched once
    ]
    indices = same_images([second.subset(np.array([0]), "one"), first], [first])
    assert indices[0].tolist() == list(range(1, len(first) + 1))  # indices count through all sets of a side
    assert indices[1].tolist() == list(range(len(first)))


def test_crops_are_the_same_only_with_the_same_box(tmp_path):
    images = open_dataset(str(make_folder(tmp_path / "wide", {"": 2})))
    boxes = np.array([[0.0, 0, 8, 8], [4.0, 4, 8, 8]])
    first, second = replace(images, boxes=boxes), replace(images, boxes=boxes + np.array([[0], [1]]))
    assert [of_side.tolist() for of_side in same_images([first], [second])] == [[0], [0]]
    assert [of_side.tolist() for of_side in same_images([first], [images])] == [[], []]
