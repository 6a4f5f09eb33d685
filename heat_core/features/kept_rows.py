"""Rows of stored features for images that another set has too, so that no image goes through a network twice.

A row belongs to an image by the location of its file, and of a crop by its box. The name of a folder of features holds
the sizes and times of its images' files: where the folder is found for a set, the files are those that were read.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heat_core.data.image_set import ImageSet
from heat_core.features.features import Features
from heat_core.features.store import META, load_features
from heat_core.features.written_pictures import file_keys
from heat_core.storage import read_json

_BLOCK = 2**14  # rows that are copied at a time
_UNKNOWN, _UNREADABLE = -1, -2


@dataclass(frozen=True)
class KeptRows:
    """Rows of stored features for the images of a set.

    Attributes:
        stored: the stored features.
        source: (N,) index in `stored` of the features of each image; negative where there are none.
        row: (N,) row of the image in these features.
    """

    stored: list[Features]
    source: np.ndarray
    row: np.ndarray

    @property
    def count(self) -> int:
        """Number of images that need not be read: their features are stored, or they could not be read before."""
        return int((self.source != _UNKNOWN).sum())

    @property
    def missing(self) -> np.ndarray:
        """(n,) indices of the images that have no stored features."""
        return np.flatnonzero(self.source == _UNKNOWN)

    @property
    def unreadable(self) -> np.ndarray:
        """(n,) indices of the images that could not be read when the stored features were made."""
        return np.flatnonzero(self.source == _UNREADABLE)

    def take(self, features: Features, samples: Iterable[tuple[int, str]]) -> None:
        """Use features for images that have none yet.

        Args:
            features: the features.
            samples: index of an image, and its id in the features.
        """
        row_of, unreadable = {sample: row for row, sample in enumerate(features.ids)}, set(features.skipped)
        for i, sample in samples:
            if self.source[i] == _UNKNOWN and sample in row_of:
                self.source[i], self.row[i] = len(self.stored), row_of[sample]
            elif self.source[i] == _UNKNOWN and sample in unreadable:
                self.source[i] = _UNREADABLE
        self.stored.append(features)

    def width(self, column: str) -> int:
        """Return the number of values that a column has for each image."""
        return int(_stored_column(self.stored[0], column).shape[1])

    def copy_into(self, target: np.memmap, column: str) -> None:
        """Write a column of all images that have features into the (N, width) array of a file."""
        for s, features in enumerate(self.stored):
            indices = np.flatnonzero(self.source == s)
            values = _stored_column(features, column)
            for i in range(0, len(indices), _BLOCK):
                part = indices[i : i + _BLOCK]
                target[part] = values[self.row[part]]
        target.flush()


def _stored_column(features: Features, name: str) -> np.ndarray:
    if name == "avg":
        return features.avg
    return features.std if name == "std" and features.std is not None else features.column(name)


def find_kept_rows(images: ImageSet, stored: Sequence[tuple[Path, ImageSet]], columns: Sequence[str]) -> KeptRows:
    """Find the rows of stored features for the images of a set.

    Args:
        images: the images.
        stored: folder of features that one network made, and the set of which they were made; folders that do not
            exist, or lack one of the columns, are not used.
        columns: names of the columns that are needed.

    Raises:
        HeatError: where a folder of features is damaged.
    """
    found = KeptRows([], np.full(len(images), _UNKNOWN), np.zeros(len(images), int))
    of_image = {key: i for i, key in enumerate(file_keys(images))} if stored else {}
    for folder, others in stored:
        if not _has_columns(folder, columns):
            continue
        features = load_features(folder, [name for name in columns if name not in ("avg", "std")])
        keys = zip(file_keys(others), others.ids, strict=True)
        found.take(features, ((of_image[key], sample) for key, sample in keys if key in of_image))
    return found


def _has_columns(folder: Path, columns: Sequence[str]) -> bool:
    if not (folder / META).exists():
        return False
    meta = read_json(folder / META, f"delete {folder} and run again")
    digests = meta.get("digests") if isinstance(meta, dict) else None
    return isinstance(digests, dict) and all(c in digests and (folder / f"{c}.npy").exists() for c in columns)
