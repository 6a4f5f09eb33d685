"""Images of one dataset: their ids, labels and metadata, and how an image is opened."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from heat_core.data.image_io import READER, read_crop, read_image
from heat_core.data.image_location import ImageLocation
from heat_core.data.path_list import PathList
from heat_core.data.splits import held_out_rows, rank_in_class, require_positive
from heat_core.digests import digest_of_texts
from heat_core.errors import HeatError
from heat_core.names import printable

_FINGERPRINT_BLOCK = 2**16  # ids that are joined at a time


@dataclass(frozen=True)
class ImageSet:
    """Images of one dataset.

    Attributes:
        name: name of the dataset in tables.
        ids: stable id of each sample: its path, or its index in the source; the id of a crop includes its box.
        open: index → PIL image in RGB; raises OSError if the image cannot be read. Picklable, for loader workers.
        labels: (N,) int class numbers, or None if the set has no classes.
        class_names: name of each class number.
        fingerprint: text that changes when the content does.
        notes: sentences about files or rows that are left out or read in an unusual way.
        files: path of each image; empty for sets that are not files.
        boxes: (N, 4) x, y, w, h of the crops in pixels, NaN for whole images; None if no image is a crop.
        columns: name of a manifest's further column → (N,) numbers (NaN if missing) or texts ("" if missing).
        manifest: path of the manifest that lists the images, or None. With a manifest, the folders in the ids are not
            classes.
        has_test_rows: whether the manifest lists test images beside these training images.
        whole: fingerprint of the set of which this one is a part; "" if it is no part.
    """

    name: str
    ids: list[str]
    open: Callable[[int], Image.Image]
    labels: np.ndarray | None
    class_names: list[str]
    fingerprint: str
    notes: tuple[str, ...] = ()
    files: PathList = field(default_factory=lambda: PathList.from_paths(()))
    boxes: np.ndarray | None = None
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    manifest: Path | None = None
    has_test_rows: bool = False
    whole: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    def paths(self) -> list[str]:
        """Return the path of each sample: its id, without the number that the id of a repeated path has."""
        paths = list(self.ids)
        for i, sample in enumerate(self.ids):
            path = str(self.location(i) or "") if "~" in sample else ""
            if path and sample.startswith(f"{printable(path)}~"):
                paths[i] = printable(path)
        return paths

    def subset(self, indices: np.ndarray, tag: str) -> "ImageSet":
        """Return some of the samples, with their ids.

        Args:
            indices: indices of the samples, in the order wanted.
            tag: text that enters the fingerprint of the subset. If `indices` are as many as there are samples, the set
                itself is returned.
        """
        if len(indices) == len(self):
            return self
        return replace(
            self,
            ids=[self.ids[i] for i in indices],
            open=partial(_open_nth, self.open, np.asarray(indices)),
            labels=None if self.labels is None else self.labels[indices],
            fingerprint=digest_of_texts(self.fingerprint, tag),
            whole=self.whole or self.fingerprint,
            files=self.files.take(indices) if self.files else self.files,
            boxes=None if self.boxes is None else self.boxes[indices],
            columns={name: values[indices] for name, values in self.columns.items()},
        )

    def limited(self, per_class: int | None) -> "ImageSet":
        """Return the first `per_class` samples of each class, or of the whole set if it has no classes.

        Raises:
            HeatError: if `per_class` is less than 1.
        """
        if per_class is None:
            return self
        require_positive(per_class)
        return self.subset(np.flatnonzero(rank_in_class(self.labels, len(self)) < per_class), f"limit {per_class}")

    def split(self, every: int = 5) -> tuple["ImageSet", "ImageSet"]:
        """Split the set into (training, held-out) images: every `every`-th image of each class is held out.

        Raises:
            HeatError: if no class has `every` images.
        """
        held_out = held_out_rows(self.labels, len(self), every)
        return (
            self.subset(np.flatnonzero(~held_out), f"train of {every}"),
            self.subset(np.flatnonzero(held_out), f"held out of {every}"),
        )

    def select(self, ids: Sequence[str]) -> "ImageSet":
        """Return the samples with these ids, in the order of the set."""
        selected = set(ids)
        return self.subset(np.array([i for i, sample in enumerate(self.ids) if sample in selected], int), "some")

    def location(self, index: int) -> ImageLocation | None:
        """Return the location of a sample; None if the set is not made of files."""
        if not self.files:
            return None
        box = None if self.boxes is None or np.isnan(self.boxes[index]).any() else tuple(self.boxes[index].tolist())
        return ImageLocation(self.files[index], box)


def require_classes(images: ImageSet) -> ImageSet:
    """Return an in-distribution set if it has at least two classes.

    Raises:
        HeatError: if it has fewer.
    """
    if images.labels is None or len(np.unique(images.labels)) < 2:
        if images.manifest is not None:
            remedy = "give each of its rows a class, in the column `label`"
        else:
            outside = [i for i in images.ids if "/" not in i]
            hint = f" ({outside[0]} lies beside the sub-folders)" if 0 < len(outside) < len(images) else ""
            remedy = f"put its images into one sub-folder a class{hint}"
        raise HeatError(f"The in-distribution set {images.name!r} needs at least two classes: {remedy}.")
    return images


def make_opener(files: Sequence[Path], boxes: np.ndarray | None) -> Callable[[int], Image.Image]:
    """Return a picklable function: index → the image of that file, or the crop of its box."""
    return partial(_open_file, files) if boxes is None else partial(_open_crop, files, boxes)


def _open_file(files: Sequence[Path], index: int) -> Image.Image:
    """Read the image of the file at `index` in RGB; raises OSError if it cannot be read."""
    return read_image(files[index])


def _open_crop(files: Sequence[Path], boxes: np.ndarray, index: int) -> Image.Image:
    box = boxes[index]
    return read_image(files[index]) if np.isnan(box).any() else read_crop(files[index], box)


def _open_nth(opener: Callable[[int], Image.Image], indices: np.ndarray, index: int) -> Image.Image:
    return opener(int(indices[index]))


def images_fingerprint(
    ids: list[str], stats: np.ndarray, labels: np.ndarray | None = None, class_names: Sequence[str] = ()
) -> str:
    """Digest what the features and labels of a set depend on; other metadata does not enter.

    Args:
        ids: id of each image, which includes the box of a crop.
        stats: (N, 5) file stats (see `path_list.read_file_stats`).
        labels: (N,) class numbers, or None.
        class_names: name of each class number.
    """
    digest = hashlib.blake2b(f"reader {READER}\n".encode(), digest_size=8)
    for i in range(0, len(ids), _FINGERPRINT_BLOCK):
        digest.update("\n".join(ids[i : i + _FINGERPRINT_BLOCK]).encode())
    digest.update(np.ascontiguousarray(stats[:, :3]).tobytes())
    digest.update("\n".join(class_names).encode())
    if labels is not None:
        digest.update(labels.tobytes())
    return digest.hexdigest()
