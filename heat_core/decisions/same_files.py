"""Decisions on the same file, in several batches of new images or in a batch and a set of the run: the last one holds.

Files are the same where their normalised paths are, and of crops, their boxes.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from heat_core.analysis.new_images import NEW
from heat_core.data.image_set import ImageSet
from heat_core.decisions.store import Decision
from heat_core.features.written_pictures import file_keys

FileKey = tuple[bytes, bytes]  # normalised path, and the bytes of the box
Chosen = tuple[str, ImageSet, np.ndarray, Decision]  # name of a set, its images, sorted rows of them, their decision


def one_decision_per_file(chosen: Sequence[Chosen], sets: Mapping[str, ImageSet]) -> Iterator[Chosen]:
    """Leave out decisions on new images that a later one on the same file replaces, and those that they replace.

    A decision on a new image that is a file of sets of the run is one on the images of these sets.

    Args:
        chosen: the decisions; those on new images are under the name `NEW`.
        sets: name → images of each set of the run.
    """
    if all(name != NEW for name, *_ in chosen):
        yield from chosen
        return
    keys = [list(file_keys(images.subset(rows, "decided"))) for _, images, rows, _ in chosen]
    places: dict[FileKey, list[tuple[str, int]]] = defaultdict(list)
    for name, images in sets.items():
        for row, file in enumerate(file_keys(images)):
            places[file].append((name, row))
    last, last_new = _last_decisions(chosen, keys)
    for (name, images, rows, decision), files in zip(chosen, keys, strict=True):
        found: dict[str, set[int]] = defaultdict(set)
        for row, file in zip(rows.tolist(), files, strict=True):
            if decision.id >= (last if name == NEW else last_new).get(file, 0):
                for of_set, of_row in (name == NEW and places.get(file)) or [(name, row)]:
                    found[of_set].add(of_row)
        for of_set, of_rows in found.items():
            yield of_set, images if of_set == name else sets[of_set], np.array(sorted(of_rows)), decision


def _last_decisions(
    chosen: Sequence[Chosen], keys: Sequence[Sequence[FileKey]]
) -> tuple[dict[FileKey, int], dict[FileKey, int]]:
    """Return the number of the last decision on each file, of all decisions and of those on new images."""
    last, last_new = dict[FileKey, int](), dict[FileKey, int]()
    for (name, *_, decision), files in zip(chosen, keys, strict=True):
        for numbers in (last, last_new) if name == NEW else (last,):
            numbers.update({file: max(numbers.get(file, 0), decision.id) for file in files})
    return last, last_new
