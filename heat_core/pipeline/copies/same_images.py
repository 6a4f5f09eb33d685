"""Which images of two runs are the same: one file under two names, or files of the same bytes."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from heat_core.data.image_set import ImageSet
from heat_core.data.path_list import NOT_FOUND, PathList, read_file_stats
from heat_core.features.written_pictures import picture_files
from heat_core.pipeline.copies.byte_copies import find_byte_copies


def same_images(first: Sequence[ImageSet], second: Sequence[ImageSet]) -> tuple[np.ndarray, np.ndarray]:
    """Match images by their file, and those that remain by the bytes of their files; of crops, boxes must be equal.

    Only files whose size a file of the other side has too are read, and none where that takes more than ten seconds.

    Args:
        first: sets of one side.
        second: sets of the other side.

    Returns:
        (n,) indices of images in the concatenation of the first sets, and (n,) of the same images in that of the
        second.
    """
    sides = [[replace(images, files=picture_files(images)) for images in sets] for sets in (first, second)]
    stats = [[read_file_stats(images.files) for images in side] for side in sides]
    identities = [
        [key for images, of_set in zip(side, all_stats, strict=True) for key in _keys(images, of_set)]
        for side, all_stats in zip(sides, stats, strict=True)
    ]
    pairs = _pair(*identities)
    pairs |= _pair(*_byte_keys(sides, stats, [set(pairs), set(pairs.values())]))
    order = sorted(pairs)
    return np.array(order, int), np.array([pairs[i] for i in order], int)


def _keys(images: ImageSet, stats: np.ndarray) -> list[Any]:
    """Return the identity of each image; None where its file is gone."""
    identities = file_identities(images, stats)
    for i in np.flatnonzero(stats[:, 0] < 0):
        identities[i] = None
    return identities


def _byte_keys(sides: list[list[ImageSet]], stats: list[list[np.ndarray]], matched: list[set[int]]) -> list[list[Any]]:
    """Return size, digest and box of each image whose bytes the other side has too, None for all others."""
    keys: list[list[Any]] = [[None] * sum(map(len, side)) for side in sides]
    files, of_side, index = {}, {}, {}
    for s, (side, all_stats) in enumerate(zip(sides, stats, strict=True)):
        where = [(images, row) for images in side for row in range(len(images))]
        left = [i for i in range(len(where)) if i not in matched[s]]
        index[str(s)] = [(i, *where[i]) for i in left]
        files[str(s)] = PathList.from_paths(where[i][0].files[where[i][1]] for i in left)
        of_side[str(s)] = np.concatenate([np.empty((0, 5), np.int64), *all_stats])[left]
    for (name, k), key in (find_byte_copies(files, of_side) or {}).items():
        i, images, row = index[name][k]
        keys[int(name)][i] = (*key, *box_numbers(images, row))
    return keys


def _pair(first: list[Any], second: list[Any]) -> dict[int, int]:
    """Match equal keys that are not None, each once, in their order."""
    places: dict[Any, list[int]] = {}
    for j in reversed(range(len(second))):
        if second[j] is not None:
            places.setdefault(second[j], []).append(j)
    return {i: places[key].pop() for i, key in enumerate(first) if key is not None and places.get(key)}


def file_identities(images: ImageSet, stats: np.ndarray) -> list[Any]:
    """Return a value per image that is equal for two names of one file; for crops, only with the same box."""
    boxes = np.zeros((len(images), 4)) if images.boxes is None else np.nan_to_num(images.boxes)
    rows = np.column_stack([stats[:, 3:], boxes.view(np.int64)])
    identities: list[Any] = rows.view(f"V{rows.itemsize * rows.shape[1]}").ravel().tolist()
    for i in np.flatnonzero(
        (stats[:, 0] == NOT_FOUND) | (stats[:, 4] == 0)
    ):  # the file is gone since it was listed, or has no inode number
        identities[i] = os.path.realpath(images.files[int(i)]), *box_numbers(images, int(i))
    return identities


def box_numbers(images: ImageSet, row: int) -> list[float]:
    """Return x, y, w, h of a crop, zeros for a whole image."""
    return [0.0] * 4 if images.boxes is None else np.nan_to_num(images.boxes[row]).tolist()
