"""A name or a folder → images, labels and class names. A sample keeps one id through everything."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from heat_core import demo
from heat_core.errors import HeatError
from heat_core.features import held_out_rows, is_features_folder, rank_in_class, require_positive
from heat_core.storage import heat_home

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}

# name → (class in torchvision.datasets, keywords for training, keywords for testing)
TORCHVISION = {
    "cifar10": ("CIFAR10", {"train": True}, {"train": False}),
    "cifar100": ("CIFAR100", {"train": True}, {"train": False}),
    "svhn": ("SVHN", {"split": "train"}, {"split": "test"}),
    "textures": ("DTD", {"split": "train"}, {"split": "test"}),
    "places365": ("Places365", {"split": "train-standard", "small": True}, {"split": "val", "small": True}),
    "mnist": ("MNIST", {"train": True}, {"train": False}),
    "fashion-mnist": ("FashionMNIST", {"train": True}, {"train": False}),
    "stl10": ("STL10", {"split": "train"}, {"split": "test"}),
}
# name → (folder under HEAT_HOME/data, its sub-folder for training, for testing)
EXTRACTED = {"tiny-imagenet": ("tiny-imagenet-200", "train", "val"), "lsun": ("LSUN", "", "")}


@dataclass(frozen=True)
class ImageSet:
    """The images of one dataset.

    Attributes:
        name: what it is called in tables. ids: one stable string a sample (its path, or its place in the source).
        open: index → PIL image in RGB; raises OSError where it cannot be read. Picklable, for loader workers.
        labels: (N,) int, or None where there are no classes. fingerprint: changes when the content does.
    """

    name: str
    ids: list[str]
    open: Callable[[int], Image.Image]
    labels: np.ndarray | None
    class_names: list[str]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.ids)

    def subset(self, indices: np.ndarray, tag: str) -> "ImageSet":
        """The same samples under the same ids, fewer of them."""
        if len(indices) == len(self):
            return self
        labels = None if self.labels is None else self.labels[indices]
        opener = partial(_open_nth, self.open, np.asarray(indices))
        return ImageSet(
            self.name, [self.ids[i] for i in indices], opener, labels, self.class_names, _digest(self.fingerprint, tag)
        )  # fmt: skip

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


def known_names() -> list[str]:
    """Every dataset that can be asked for by name."""
    return [*demo.SETS, *TORCHVISION, *EXTRACTED]


def open_dataset(source: str, role: str = "test", name: str | None = None) -> ImageSet:
    """Open a dataset.

    Args:
        source: a folder (with one sub-folder a class, or flat), or a name from `known_names()`. A folder of that
            name in the working directory comes before the dataset of the same name.
        role: "train" or "test": which split of a named dataset. name: how to call it; default: from the source.

    Raises:
        HeatError: where the source is unknown, missing or empty.
    """
    folder = Path(source).expanduser()
    if source in demo.SETS:
        found = _from_arrays(source, role)
    elif folder.is_dir():
        found = from_folder(folder)
    elif source in TORCHVISION:
        found = _from_torchvision(source, role)
    elif source in EXTRACTED:
        found = _from_extracted(source, role)
    else:
        raise HeatError(
            f"{source!r} is neither a folder nor a known dataset: give a folder of images, or one of "
            f"{', '.join(known_names())}."
        )
    return ImageSet(name or found.name, found.ids, found.open, found.labels, found.class_names, found.fingerprint)


def from_folder(folder: Path) -> ImageSet:
    """A folder with one sub-folder a class, or a flat one; other files than images are left aside."""
    folder = folder.resolve()
    files = _image_files(folder)
    if is_features_folder(folder):
        raise HeatError(f"{folder} holds features, not images: use the backbone 'features' to run on them.")
    if not files:
        raise HeatError(f"{folder} holds no images (looked for {', '.join(sorted(SUFFIXES))}): choose another folder.")
    ids = [p.relative_to(folder).as_posix() for p in files]
    flat = any("/" not in i for i in ids)
    first = [i.split("/")[0] for i in ids]
    class_names = [] if flat else sorted(set(first))
    labels = None if flat else np.searchsorted(class_names, first)
    stats = [p.stat() for p in files]
    fingerprint = _digest(*(f"{i} {s.st_size} {s.st_mtime_ns}" for i, s in zip(ids, stats, strict=True)))
    return ImageSet(folder.name, ids, partial(_open_file, folder, ids), labels, class_names, fingerprint)


def _image_files(folder: Path) -> list[Path]:
    """Every image below a folder, in order, through links too; one that leads back up is not followed."""
    found: list[Path] = []

    def visit(path: str, above: frozenset[str]) -> None:
        real = os.path.realpath(path)
        if real in above:
            return
        with os.scandir(path) as entries:
            for entry in entries:
                if entry.is_dir():
                    visit(entry.path, above | {real})
                elif os.path.splitext(entry.name)[1].lower() in SUFFIXES and entry.is_file():
                    found.append(Path(entry.path))

    visit(str(folder), frozenset())
    return sorted(found)


def read_image(path: Path) -> Image.Image:
    """An image file in RGB; OSError where it cannot be read."""
    with Image.open(path) as image:
        if image.mode.startswith("I"):  # 16 bits a pixel, which PIL would clip to white
            return Image.fromarray((np.asarray(image, np.uint32) >> 8).astype(np.uint8)).convert("RGB")
        return image.convert("RGB")


def from_files(paths: list[Path]) -> ImageSet:
    """Loose image files and folders of them, without classes; a sample's id is its path as given."""
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise HeatError(f"{path} does not exist: give image files, or folders of them.")
        files += _image_files(path) if path.is_dir() else [path]
    files = [p for p in dict.fromkeys(files) if p.is_file()]
    if not files:
        raise HeatError(
            f"There are no images in {', '.join(map(str, paths))} (looked for {', '.join(sorted(SUFFIXES))})."
        )
    ids = [str(p) for p in files]
    stats = [p.stat() for p in files]
    fingerprint = _digest(*(f"{p.resolve()} {s.st_size} {s.st_mtime_ns}" for p, s in zip(files, stats, strict=True)))
    return ImageSet("own images", ids, partial(_open_file, Path(), ids), None, [], fingerprint)


def require_classes(images: ImageSet) -> ImageSet:
    """Refuse an in-distribution set without at least two classes."""
    if images.labels is None or len(np.unique(images.labels)) < 2:
        stray = [i for i in images.ids if "/" not in i]
        beside = f" ({stray[0]} lies beside the sub-folders)" if 0 < len(stray) < len(images) else ""
        raise HeatError(
            f"The in-distribution set {images.name!r} needs at least two classes: put its images into one "
            f"sub-folder a class{beside}."
        )
    return images


def _from_arrays(source: str, role: str) -> ImageSet:
    pixels, labels, class_names, ids = demo.load(source, role)
    fingerprint = _digest(source, role, hashlib.sha256(pixels.tobytes()).hexdigest())
    return ImageSet(source, ids, partial(_open_array, pixels), labels, class_names, fingerprint)


def _from_torchvision(source: str, role: str) -> ImageSet:
    from torchvision import datasets  # imports torch: only when asked for

    kind, train, test = TORCHVISION[source]
    keywords = train if role == "train" else test
    root = heat_home() / "data"
    try:
        data = getattr(datasets, kind)(root, download=not _downloaded(datasets, kind, root, keywords), **keywords)
    except Exception as error:  # urllib, zip and hash errors alike: the remedy is the same
        raise HeatError(
            f"{source} could not be downloaded ({error}): connect to the internet, or put torchvision's files "
            f"into {root}."
        ) from error
    labels = getattr(data, "targets", getattr(data, "labels", getattr(data, "_labels", None)))
    class_names = list(getattr(data, "classes", [])) or [str(c) for c in sorted(set(map(int, labels)))]
    ids = [f"{source}/{role}/{i:06d}" for i in range(len(data))]
    return ImageSet(source, ids, partial(_open_item, data), np.asarray(labels), class_names, _digest(source, role))


def _downloaded(datasets, kind: str, root: Path, keywords: dict) -> bool:
    try:
        getattr(datasets, kind)(root, download=False, **keywords)
    except RuntimeError:
        return False
    return True


def _from_extracted(source: str, role: str) -> ImageSet:
    folder, train, test = EXTRACTED[source]
    path = heat_home() / "data" / folder / (train if role == "train" else test)
    if not path.is_dir():
        raise HeatError(f"{source} is not there: extract it to {path.parent if train else path}, or give its folder.")
    return from_folder(path)


def _open_file(folder: Path, ids: list[str], index: int) -> Image.Image:
    return read_image(folder / ids[index])


def _open_array(pixels: np.ndarray, index: int) -> Image.Image:
    return Image.fromarray(pixels[index]).convert("RGB")


def _open_item(data, index: int) -> Image.Image:
    return data[index][0].convert("RGB")


def _open_nth(opener: Callable, indices: np.ndarray, index: int) -> Image.Image:
    return opener(int(indices[index]))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()[:16]
