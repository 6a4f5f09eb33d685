"""List of images from which a next run reads its sets: images of several sets, written as one Parquet file.

The file names the images where they are, with the ids that they had. Pictures of sets that are no files are written as
PNG files beside it.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heat_core.data.image_set import ImageSet
from heat_core.data.image_table import HEAT_ID, LABEL, SET, SPLIT
from heat_core.data.manifest_cells import object_array
from heat_core.data.pyarrow_support import arrow, to_arrow
from heat_core.errors import HeatError
from heat_core.features.written_pictures import file_keys, picture_files, write_pictures
from heat_core.runs.metadata_columns import Columns, concatenate
from heat_core.storage import heat_home, replacing

DECISION = "decision"  # column that says for each image by which decision it came to its set
_EDGES = ("x", "y", "w", "h")


@dataclass(frozen=True)
class Part:
    """Images of one set that go into a set of the next run.

    Attributes:
        images: the images.
        set_name: `id`, or an OOD set.
        split: "train" or "test" of the known images; "" of an OOD set.
        labels: class of each image; "" where it has none.
        decision: title of the decision that moved them; "" for images that stay.
    """

    images: ImageSet
    set_name: str
    split: str
    labels: list[str]
    decision: str = ""


def labels_of(images: ImageSet) -> list[str]:
    """Return the class of each image of a set; "" where the set has none."""
    if images.labels is None:
        return [""] * len(images)
    return [images.class_names[i] for i in images.labels.tolist()]


def write_list(path: Path, parts: Sequence[Part], before: Mapping[tuple[str, str], ImageSet]) -> None:
    """Write the images of all parts as a Parquet file, in their order.

    Args:
        path: path of the file.
        parts: the images.
        before: (set, split) → its images in the run before; no other image gets the id of one of them.

    Raises:
        HeatError: where some images are crops and others whole files, or something cannot be written.
    """
    for part in parts:
        write_pictures(part.images)
    files = [file for part in parts for file in picture_files(part.images).iter_bytes()]
    columns = {
        "path": _paths(files, path.resolve().parent),
        **_box_columns(parts),
        SET: _texts([part.set_name for part in parts for _ in part.labels]),
        SPLIT: _texts([part.split for part in parts for _ in part.labels]),
        LABEL: _texts([label for part in parts for label in part.labels]),
        HEAT_ID: _texts(_ids(parts, before)),
        **{name: to_arrow(values) for name, values in _further_columns(parts).items()},
        DECISION: _texts([part.decision for part in parts for _ in part.labels]),
    }
    with replacing(path) as temp_path:
        arrow().parquet.write_table(arrow().table(columns), temp_path)


def _paths(files: list[bytes], folder: Path) -> object:
    """Return the paths, of files in HEAT_HOME relative to the folder; as bytes where one is not UTF-8."""
    home = os.path.join(os.fsencode(heat_home().resolve()), b"")
    start = os.fsencode(folder)
    paths = [os.path.relpath(file, start) if file.startswith(home) else file for file in files]
    try:
        return arrow().array([path.decode() for path in paths], arrow().string())
    except UnicodeDecodeError:
        return arrow().array(paths, arrow().binary())


def _box_columns(parts: Sequence[Part]) -> dict[str, object]:
    boxes = [part.images.boxes for part in parts if len(part.images)]
    if all(of_part is None for of_part in boxes):
        return {}
    whole = np.concatenate([np.empty((0, 4)), *(of_part for of_part in boxes if of_part is not None)])
    if len(whole) < sum(len(part.images) for part in parts) or np.isnan(whole).any():
        raise HeatError(
            "Some images are crops and others whole files, which one list cannot hold: undo the decisions on the ones "
            "or on the others."
        )
    return {name: arrow().array(whole[:, i]) for i, name in enumerate(_EDGES)}


def _texts(texts: list[str]) -> object:
    return to_arrow(object_array(texts))


def _ids(parts: Sequence[Part], before: Mapping[tuple[str, str], ImageSet]) -> list[str]:
    """Return the ids, in each set unique: an image that comes from another set takes its set's name where needed.

    Ids of images that left a set are given to no other image, since the images of two runs are compared by their ids.
    """
    taken = {place: dict(zip(images.ids, file_keys(images), strict=True)) for place, images in before.items()}
    used: dict[tuple[str, str], set[str]] = defaultdict(set)
    ids: list[str] = []
    for part in parts:
        place = part.set_name, part.split
        files_before = taken.get(place, {})
        for sample, file in zip(part.images.ids, file_keys(part.images), strict=True):
            names = _possible_ids(part.images.name, sample)
            new = next(n for n in names if n not in used[place] and files_before.get(n, file) == file)
            used[place].add(new)
            ids.append(new)
    return ids


def _possible_ids(set_name: str, sample: str) -> Iterator[str]:
    yield sample
    yield f"{set_name}/{sample}"
    yield from (f"{set_name}/{sample}~{n}" for n in range(2, 10**9))


def _further_columns(parts: Sequence[Part]) -> Columns:
    """Join the columns of the sets' own lists, without those that this list has itself."""
    own = {"path", HEAT_ID, LABEL, SET, SPLIT, DECISION, *_EDGES}
    columns = [
        (len(p.images), {name: v for name, v in p.images.columns.items() if name.lower() not in own}) for p in parts
    ]
    return concatenate(columns)
