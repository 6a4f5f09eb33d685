"""The images of one dataset: which they are, how one of them is opened, what is known of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from heat_core.data.image_io import read_crop, read_image
from heat_core.data.image_location import ImageLocation
from heat_core.data.path_list import PathList
from heat_core.data.splits import held_out_rows, rank_in_class, require_positive
from heat_core.digests import digest_of_texts
from heat_core.errors import HeatError


@dataclass(frozen=True)
class ImageSet:
    """The images of one dataset.

    Attributes:
        name: what it is called in tables.
        ids: one stable string a sample (its path, or its place in the source; of a crop, its box too).
        open: index → PIL image in RGB; raises OSError where it cannot be read. Picklable, for loader workers.
        labels: (N,) int, or None where there are no classes.
        class_names: of the labels.
        fingerprint: changes when the content does.
        notes: sentences about what was left aside, or read in a way that one should know.
        files: where the images lie, for sets that are files.
        boxes: (N, 4) x, y, w, h in pixels, where images are crops of the files; NaN of those that are whole.
        columns: name → (N,) what else a manifest says of each: numbers (NaN where there is none), or texts ("" where
            there is none).
        manifest: what lists them, where something does: their ids then say nothing of classes.
        has_test_rows: whether the manifest lists images for testing, beside these for training.
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

    def __len__(self) -> int:
        return len(self.ids)

    def subset(self, indices: np.ndarray, tag: str) -> "ImageSet":
        """The same samples under the same ids, fewer of them."""
        if len(indices) == len(self):
            return self
        return replace(
            self,
            ids=[self.ids[i] for i in indices],
            open=partial(_open_nth, self.open, np.asarray(indices)),
            labels=None if self.labels is None else self.labels[indices],
            fingerprint=digest_of_texts(self.fingerprint, tag),
            files=self.files.take(indices) if self.files else self.files,
            boxes=None if self.boxes is None else self.boxes[indices],
            columns={name: values[indices] for name, values in self.columns.items()},
        )

    def limited(self, per_class: int | None) -> "ImageSet":
        """The first `per_class` samples of each class (of the set, where it has no classes)."""
        if per_class is None:
            return self
        require_positive(per_class)
        return self.subset(np.flatnonzero(rank_in_class(self.labels, len(self)) < per_class), f"limit {per_class}")

    def split(self, every: int = 5) -> tuple["ImageSet", "ImageSet"]:
        """(training, held-out) share: every fifth image of each class is held out."""
        held_out = held_out_rows(self.labels, len(self), every)
        return (
            self.subset(np.flatnonzero(~held_out), f"train of {every}"),
            self.subset(np.flatnonzero(held_out), f"held out of {every}"),
        )

    def select(self, ids: Sequence[str]) -> "ImageSet":
        """Some of the samples, in the order of the set."""
        selected = set(ids)
        return self.subset(np.array([i for i, sample in enumerate(self.ids) if sample in selected], int), "some")

    def location(self, index: int) -> ImageLocation | None:
        """Where a sample lies; None where there are no files."""
        if not self.files:
            return None
        box = None if self.boxes is None or np.isnan(self.boxes[index]).any() else tuple(self.boxes[index].tolist())
        return ImageLocation(self.files[index], box)


def require_classes(images: ImageSet) -> ImageSet:
    """Refuse an in-distribution set without at least two classes."""
    if images.labels is None or len(np.unique(images.labels)) < 2:
        if images.manifest is not None:
            cure = "give each of its rows a class, in the column `label`"
        else:
            outside = [i for i in images.ids if "/" not in i]
            hint = f" ({outside[0]} lies beside the sub-folders)" if 0 < len(outside) < len(images) else ""
            cure = f"put its images into one sub-folder a class{hint}"
        raise HeatError(f"The in-distribution set {images.name!r} needs at least two classes: {cure}.")
    return images


def make_opener(files: Sequence[Path], boxes: np.ndarray | None) -> Callable[[int], Image.Image]:
    """index → the picture of a file, or the crop that its box says; picklable."""
    return partial(open_file, files) if boxes is None else partial(_open_crop, files, boxes)


def open_file(files: Sequence[Path], index: int) -> Image.Image:
    return read_image(files[index])


def _open_crop(files: Sequence[Path], boxes: np.ndarray, index: int) -> Image.Image:
    box = boxes[index]
    return read_image(files[index]) if np.isnan(box).any() else read_crop(files[index], box)


def _open_nth(opener: Callable[[int], Image.Image], indices: np.ndarray, index: int) -> Image.Image:
    return opener(int(indices[index]))
