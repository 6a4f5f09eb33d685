"""A name, a folder or a manifest → images, labels and class names. A sample keeps one id through everything."""

import hashlib
import itertools
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from heat_core.data.demo import demo_sets
from heat_core.data.folder_scan import is_features_folder, numbered, scan, unique
from heat_core.data.image_io import READER, read_image, suffixes  # noqa: F401 (found here since version 0.1)
from heat_core.data.image_list import Part, Sources
from heat_core.data.image_set import ImageSet, digest_of_texts, open_file, opener_of
from heat_core.data.manifest import is_manifest, whole_column
from heat_core.data.manifest_set import fingerprint_of, open_manifest
from heat_core.data.path_list import Files, looked_at
from heat_core.errors import HeatError
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


def known_names() -> list[str]:
    """Every dataset that can be asked for by name."""
    return [*demo_sets.SETS, *TORCHVISION, *EXTRACTED]


def open_dataset(source: str, role: str = "test", name: str | None = None, of: str | None = None) -> ImageSet:
    """Open a dataset.

    Args:
        source: a folder (with one sub-folder a class, or flat), a manifest (a CSV or Parquet file), or a name from
            `known_names()`. A folder of that name in the working directory comes before the dataset of the same name.
        role: "train" or "test": which split of a named dataset, or of a manifest that has some.
        name: how to call it; default: from the source.
        of: which set of a manifest that holds several; None = the known images.

    Raises:
        HeatError: where the source is unknown, missing or empty.
    """
    path = typed(source)
    if source in demo_sets.SETS:
        found = _from_arrays(source, role)
    elif is_folder(path):
        found = from_folder(path)
    elif is_manifest(path):
        found = open_manifest(path, role, of)
    elif source in TORCHVISION:
        found = _from_torchvision(source, role)
    elif source in EXTRACTED:
        found = _from_extracted(source, role)
    else:
        what = "is a file, but no manifest" if is_file(path) else "is neither a folder nor a known dataset"
        raise HeatError(
            f"{source!r} {what}: give a folder of images, a manifest (a CSV or Parquet file that lists them), "
            f"or one of {', '.join(known_names())}."
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
    files = Files.of(found.files)
    seen = zip(found.names, looked_at(files)[:, :3].tolist(), strict=True)
    stamps = (f"{name} {size} {content} {anything}" for name, (size, content, anything) in seen)
    return ImageSet(
        name=printable(folder.name),
        ids=found.names,
        open=partial(open_file, files),
        labels=labels,
        class_names=class_names,
        fingerprint=digest_of_texts(f"reader {READER}", *stamps),
        notes=tuple(found.notes),
        files=files,
    )


def _kinds() -> str:
    return ", ".join(end for end in (".jpg", ".png", ".webp", ".tif", ".bmp", ".gif") if end in suffixes()) + " …"


def from_files(paths: list[Path]) -> ImageSet:
    """Loose image files, folders and manifests of them, without classes; a sample's id is its path as given."""
    sources = Sources(paths)
    parts = list(sources.blocks())
    bad = sources.bad.sentences()
    notes = (*sources.notes, *([f"{sources.bad.count:,} rows are left out: {'; '.join(bad)}."] if bad else []))
    if not any(map(len, parts)):
        where = ", ".join(map(printable, paths))
        raise HeatError(f"There are no images in {where} (looked for {_kinds()}). {' '.join(notes)}".strip())
    whole = Part.joined(parts)
    rows = _each_once(whole)
    ids = unique([whole.names[row] for row in rows.tolist()])
    files = Files.of(whole.files).take(rows)
    boxes = None if whole.boxes is None else whole.boxes[rows]
    return ImageSet(
        name="own images",
        ids=ids,
        open=opener_of(files, boxes),
        labels=None,
        class_names=[],
        fingerprint=fingerprint_of(ids, looked_at(files)),
        notes=notes,
        files=files,
        boxes=boxes,
        columns={name: whole_column(name, [whole.texts(name)[rows]]) for name in sources.columns},
    )


def _each_once(images: Part) -> np.ndarray:
    """(n,) places of the images, of those that are named again the first."""
    crops = itertools.repeat(b"") if images.boxes is None else map(np.ndarray.tobytes, images.boxes)
    first: dict[tuple[bytes, bytes], int] = {}
    for row, image in enumerate(zip(images.files, crops, strict=False)):
        first.setdefault(image, row)
    return np.fromiter(first.values(), int, len(first))


def _from_arrays(source: str, role: str) -> ImageSet:
    pixels, labels, class_names, ids = demo_sets.load(source, role)
    fingerprint = digest_of_texts(source, role, hashlib.sha256(pixels.tobytes()).hexdigest())
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
    opener, fingerprint = partial(_open_item, data), digest_of_texts(source, role)
    return ImageSet(source, ids, opener, np.asarray(labels), class_names, fingerprint)


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


def _open_array(pixels: np.ndarray, index: int) -> Image.Image:
    return Image.fromarray(pixels[index]).convert("RGB")


def _open_item(data: Any, index: int) -> Image.Image:
    try:
        return data[index][0].convert("RGB")
    except Exception as error:  # torchvision opens files itself, and they fail in ways of their own
        raise OSError(f"image {index} cannot be read ({type(error).__name__})") from error
