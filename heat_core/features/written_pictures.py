"""Pictures of sets that are no files, such as those of torchvision, written as PNG files where files are needed."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from heat_core.data.image_set import ImageSet
from heat_core.data.path_list import PathList
from heat_core.digests import digest_of_texts
from heat_core.storage import heat_home, replacing


def picture_files(images: ImageSet) -> PathList:
    """Return the paths of a set's files; of a set that is no files, those to which `write_pictures` writes."""
    return images.files or PathList.from_paths(_picture_path(images, sample) for sample in images.ids)


def file_keys(images: ImageSet) -> Iterator[tuple[bytes, bytes]]:
    """Yield the normalised path of each image, and the bytes of its box."""
    for path, box in zip(picture_files(images).iter_bytes(), box_bytes(images), strict=True):
        yield os.path.normpath(path) if b".." in path else path, box


def box_bytes(images: ImageSet) -> list[bytes]:
    """Return the bytes of each image's box; none of a whole file."""
    if images.boxes is None:
        return [b""] * len(images)
    return [b"" if np.isnan(box).any() else box.tobytes() for box in images.boxes]


def write_pictures(images: ImageSet) -> None:
    """Write the pictures of a set that is no files into HEAT_HOME/sets; those that are there already stay.

    Raises:
        HeatError: where one cannot be read or written.
    """
    for i, sample in enumerate(images.ids if not images.files else ()):
        if not (path := _picture_path(images, sample)).exists():
            with replacing(path) as temp_path:
                images.open(i).save(temp_path, format="PNG")


def _picture_path(images: ImageSet, sample: str) -> Path:
    """Return the path of a picture, which depends on the content of the whole set and on the sample's id."""
    folder = heat_home().resolve() / "sets" / f"pictures-{images.whole or images.fingerprint}"
    return folder / f"{digest_of_texts(sample)}.png"
