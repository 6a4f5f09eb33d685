"""A name or a folder → images, labels and class names. A sample keeps one id through everything."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from heat_core.errors import HeatError
from heat_core.features import demo
from heat_core.features.features import held_out_rows, is_features_folder, rank_in_class, require_positive
from heat_core.features.folders import numbered, scan, stamp, unique
from heat_core.features.images import READER, read_image, suffixes
from heat_core.features.manifest import MANIFESTS, paths_of
from heat_core.storage import heat_home, is_file, is_folder, printable, typed

# name → (class in torchvision.datasets, keywords for training, keywords for testing)
TORCHVISION: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
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
        name: what it is called in tables.
        ids: one stable string a sample (its path, or its place in the source).
        open: index → PIL image in RGB; raises OSError where it cannot be read. Picklable, for loader workers.
        labels: (N,) int, or None where there are no classes.
        class_names: of the labels.
        fingerprint: changes when the content does.
        notes: sentences about what was left aside, or read in a way that one should know.
        files: where the images lie, for sets that are files.
        columns: name → (N,) of texts or numbers: what else a manifest says of the images.
    """

    name: str
    ids: list[str]
    open: Callable[[int], Image.Image]
    labels: np.ndarray | None
    class_names: list[str]
    fingerprint: str
    notes: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    columns: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    def subset(self, indices: np.ndarray, tag: str) -> "ImageSet":
        """The same samples under the same ids, fewer of them."""
        if len(indices) == len(self):
            return self
        labels = None if self.labels is None else self.labels[indices]
        opener = partial(_open_nth, self.open, np.asarray(indices))
        return replace(
            self,
            ids=[self.ids[i] for i in indices],
            open=opener,
            labels=labels,
            fingerprint=_digest(self.fingerprint, tag),
            files=tuple(self.files[i] for i in indices) if self.files else (),
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


def known_names() -> list[str]:
    """Every dataset that can be asked for by name."""
    return [*demo.SETS, *TORCHVISION, *EXTRACTED]


def open_dataset(source: str, role: str = "test", name: str | None = None) -> ImageSet:
    """Open a dataset.

    Args:
        source: a folder (with one sub-folder a class, or flat), or a name from `known_names()`. A folder of that
            name in the working directory comes before the dataset of the same name.
        role: "train" or "test": which split of a named dataset.
        name: how to call it; default: from the source.

    Raises:
        HeatError: where the source is unknown, missing or empty.
    """
    folder = typed(source)
    if source in demo.SETS:
        found = _from_arrays(source, role)
    elif is_folder(folder):
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
    return replace(found, name=printable(name or found.name))


def from_folder(folder: Path) -> ImageSet:
    """A folder with one sub-folder a class, or a flat one; what is left aside stands in `notes`."""
    folder = folder.resolve()
    if is_features_folder(folder):
        raise HeatError(f"{printable(folder)} holds features, not images: use the backbone 'features' to run on them.")
    found = scan(folder)
    if not found.files:
        why = f": {found.notes[0]}" if found.notes else f" (looked for {_kinds()}): choose another folder."
        raise HeatError(f"{printable(folder)} holds no images{why}")
    parts = [path.relative_to(folder).parts for path in found.files]
    stray = [name for name, part in zip(found.names, parts, strict=True) if len(part) == 1]
    labels, class_names = (None, list[str]()) if stray else numbered([part[0] for part in parts])
    if 0 < len(stray) < len(parts):
        found.notes.append(f"{stray[0]} lies beside the sub-folders, so that the set is taken without classes.")
    stamps = (f"{name} {stamp(path)}" for name, path in zip(found.names, found.files, strict=True))
    return ImageSet(
        printable(folder.name),
        found.names,
        partial(open_file, found.files),
        labels,
        class_names,
        _digest(f"reader {READER}", *stamps),
        tuple(found.notes),
        tuple(found.files),
    )


def _kinds() -> str:
    return ", ".join(end for end in (".jpg", ".png", ".webp", ".tif", ".bmp", ".gif") if end in suffixes()) + " …"


def from_files(paths: list[Path]) -> ImageSet:
    """Loose image files, folders and manifests of them, without classes; a sample's id is its path as given."""
    files: list[Path] = []
    notes: list[str] = []
    for path in paths:
        if not path.exists():
            raise HeatError(f"{printable(path)} does not exist: give image files, folders or a manifest of them.")
        if path.is_dir():
            found = scan(path)
            files, notes = files + found.files, notes + found.notes
        elif path.suffix.lower() in MANIFESTS:
            listed, bad = paths_of(path)
            files, notes = files + listed, notes + bad
        else:
            files.append(path)
    files = list(dict.fromkeys(files))
    if not files:
        where = ", ".join(map(printable, paths))
        raise HeatError(f"There are no images in {where} (looked for {_kinds()}). {' '.join(notes)}".strip())
    ids = unique([printable(p) for p in files])
    fingerprint = _digest(f"reader {READER}", *(f"{p.resolve()} {stamp(p) if is_file(p) else None}" for p in files))
    return ImageSet("own images", ids, partial(open_file, files), None, [], fingerprint, tuple(notes), tuple(files))


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
    labels: Any = getattr(data, "targets", getattr(data, "labels", getattr(data, "_labels", None)))
    class_names = list(getattr(data, "classes", [])) or [str(c) for c in sorted(set(map(int, labels)))]
    ids = [f"{source}/{role}/{i:06d}" for i in range(len(data))]
    return ImageSet(source, ids, partial(_open_item, data), np.asarray(labels), class_names, _digest(source, role))


def _downloaded(datasets: ModuleType, kind: str, root: Path, keywords: dict[str, Any]) -> bool:
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


def open_file(files: list[Path], index: int) -> Image.Image:
    return read_image(files[index])


def _open_array(pixels: np.ndarray, index: int) -> Image.Image:
    return Image.fromarray(pixels[index]).convert("RGB")


def _open_item(data: Any, index: int) -> Image.Image:
    try:
        return data[index][0].convert("RGB")
    except Exception as error:  # torchvision opens files itself, and they fail in ways of their own
        raise OSError(f"image {index} cannot be read ({type(error).__name__})") from error


def _open_nth(opener: Callable[[int], Image.Image], indices: np.ndarray, index: int) -> Image.Image:
    return opener(int(indices[index]))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()[:16]
