"""Datasets that are opened by name, from a folder or from a manifest: images, labels and class names.

The id of a sample identifies it in features, scores and the app alike.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from heat_core.data.containers.members import is_archive
from heat_core.data.demo import demo_sets
from heat_core.data.folder_scan import encode_classes, is_features_folder, scan_folder, split_of, unique_names
from heat_core.data.image_io import READER, read_image, suffixes
from heat_core.data.image_list import ImageBlock, ImageSources
from heat_core.data.image_set import ImageSet, images_fingerprint, make_opener
from heat_core.data.image_table import whole_column
from heat_core.data.made.made_sets import MADE, MADE_PREFIX
from heat_core.data.manifest_set import open_manifest
from heat_core.data.path_list import PathList, read_file_stats
from heat_core.data.table_formats import is_image_table, refuse_spreadsheet
from heat_core.digests import digest_of_bytes, digest_of_texts
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import expand_home, heat_home, is_file, is_folder, resolve_links

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

OWN_IMAGES = "own images"  # name of a set of files that a caller gives


def known_names() -> list[str]:
    """Return the names of all datasets that `open_dataset` opens by name."""
    return [*demo_sets.SETS, *TORCHVISION, *EXTRACTED]


def needs_download(source: str) -> bool:
    """Return whether a source is a set that torchvision may have to download, and no folder of that name."""
    return source in TORCHVISION and not is_folder(Path(source))


def open_dataset(source: str, role: str = "test", name: str | None = None, set_name: str | None = None) -> ImageSet:
    """Open a dataset.

    Args:
        source: a folder, or a zip or tar archive (with one sub-folder per class, or flat), a manifest (a CSV or Parquet
            file), or a name from `known_names()`. A folder of that name in the working directory takes precedence over
            a named dataset, except over a demo set.
        role: split of a named dataset, or of a manifest with splits: "train" or "test".
        name: name of the dataset in tables; default: derived from the source.
        set_name: name of the set in a manifest that holds several; None = the known images.

    Raises:
        HeatError: if the source is unknown, missing or empty.
    """
    path = expand_home(source)
    if source in demo_sets.SETS:
        images = _from_demo(source, role)
    elif is_image_table(path):
        images = open_manifest(path, role, set_name)
    elif is_folder(path) or is_archive(path):
        images = from_folder(path)
    elif source in TORCHVISION:
        images = open_torchvision(source, role)
    elif source in EXTRACTED:
        images = _from_extracted(source, role)
    else:
        refuse_spreadsheet(path)
        if source.startswith(MADE_PREFIX):
            raise HeatError(
                f"{source!r} cannot be opened by itself: {', '.join(MADE)} are made from the ID test images of a run, "
                "and can only be OOD sets of it."
            )
        what = "is a file, but no manifest" if is_file(path) else "is neither a folder nor a known dataset"
        raise HeatError(
            f"{source!r} {what}: give a folder of images, a manifest (a CSV or Parquet file that lists them), "
            f"a zip or tar archive of images, or one of {', '.join(known_names())}."
        )
    return replace(images, name=printable(name or images.name))


def from_folder(folder: Path) -> ImageSet:
    """Open a folder of images, with one sub-folder per class or flat; `notes` names what is left out.

    Args:
        folder: path of a folder, of a zip or tar archive, or of a folder in one. If an archive holds a single folder
            with sub-folders, these are the classes.

    Raises:
        HeatError: if the folder holds features, holds no images, or cannot be read.
    """
    folder = resolve_links(folder)
    if is_features_folder(folder):
        raise HeatError(f"{printable(folder)} holds features, not images: use the backbone 'features' to run on them.")
    contents = scan_folder(folder)
    if is_file(folder) and (inner := _packed_folder(folder, contents.files)):
        folder, contents = inner, scan_folder(inner)
    if not contents.files:
        hint = f" (looked for {_format_suffixes()}): choose another folder."
        why = f": {contents.notes[0]}" if contents.notes else hint
        raise HeatError(f"{printable(folder)} holds no images{why}")
    parts = [path.relative_to(folder).parts for path in contents.files]
    outside = [name for name, part in zip(contents.names, parts, strict=True) if len(part) == 1]
    labels, class_names = (None, list[str]()) if outside else encode_classes([part[0] for part in parts])
    if 0 < len(outside) < len(parts):
        contents.notes.append(f"{outside[0]} lies beside the sub-folders, so that the set is taken without classes.")
    files = PathList.from_paths(contents.files)
    stats = zip(contents.names, read_file_stats(files)[:, :3].tolist(), strict=True)
    stamps = (f"{name} {size} {modified} {changed}" for name, (size, modified, changed) in stats)
    return ImageSet(
        name=printable(folder.name),
        ids=contents.names,
        open=make_opener(files, None),
        labels=labels,
        class_names=class_names,
        fingerprint=digest_of_texts(f"reader {READER}", *stamps),
        notes=tuple(contents.notes),
        files=files,
    )


def _packed_folder(archive: Path, files: list[Path]) -> Path | None:
    """Return the only folder of an archive if all images are in its sub-folders, as when a folder was packed whole."""
    parts = [path.relative_to(archive).parts for path in files]
    tops, below = {part[0] for part in parts}, {part[1] for part in parts if len(part) > 2}
    whole = len(tops) == 1 and len(below) > 1 and all(len(part) > 2 for part in parts)
    return archive / tops.pop() if whole and not all(map(split_of, below)) else None


def _format_suffixes() -> str:
    return ", ".join(end for end in (".jpg", ".png", ".webp", ".tif", ".bmp", ".gif") if end in suffixes()) + " …"


def from_files(paths: list[Path]) -> ImageSet:
    """Open image files, folders and manifests as one set without classes; a sample's id is its path as given.

    Each row of a manifest is a sample, also where rows name the same image. A path that is given more than once, or an
    image that also lies in a folder that is given, is taken once.

    Raises:
        HeatError: if a path is missing, is neither image nor folder nor manifest, or if there are no images.
    """
    sources = ImageSources(list(dict.fromkeys(paths)))
    blocks = list(sources.blocks())
    skipped = sources.skipped.sentences()
    left_out = f"{sources.skipped.count:,} rows are left out: {'; '.join(skipped)}."
    notes = (*sources.notes, *([left_out] if skipped else []))
    if not any(map(len, blocks)):
        where = ", ".join(map(printable, paths))
        raise HeatError(f"There are no images in {where} (looked for {_format_suffixes()}). {' '.join(notes)}".strip())
    whole = ImageBlock.concatenate(blocks)
    is_row = np.repeat([block.has_rows for block in blocks], list(map(len, blocks)))
    rows = _without_repetitions(whole.files, is_row)
    if repeated := len(whole) - len(rows):
        notes = (*notes, f"{repeated:,} images are given more than once, and taken once.")
    ids = unique_names([whole.names[row] for row in rows.tolist()])
    files = PathList.from_paths(whole.files).take(rows)
    boxes = None if whole.boxes is None else whole.boxes[rows]
    return ImageSet(
        name=OWN_IMAGES,
        ids=ids,
        open=make_opener(files, boxes),
        labels=None,
        class_names=[],
        fingerprint=images_fingerprint(ids, read_file_stats(files)),
        notes=notes,
        files=files,
        boxes=boxes,
        columns={name: whole_column(name, [whole.column_texts(name)[rows]]) for name in sources.columns},
    )


def _without_repetitions(files: list[bytes], is_row: np.ndarray) -> np.ndarray:
    """Return the (n,) indices of the images without repetitions of a file, except in rows of manifests."""
    keep, seen = is_row.copy(), set[bytes]()
    for i in np.flatnonzero(~is_row).tolist():
        keep[i] = files[i] not in seen
        seen.add(files[i])
    return np.flatnonzero(keep)


def _from_demo(source: str, role: str) -> ImageSet:
    pixels, labels, class_names, ids = demo_sets.load_demo_set(source, role)
    fingerprint = digest_of_texts(source, role, digest_of_bytes(pixels.tobytes(), length=64))
    return ImageSet(source, ids, partial(_open_array, pixels), labels, class_names, fingerprint)


def open_torchvision(source: str, role: str) -> ImageSet:
    """Open a dataset of torchvision, and download it into HEAT_HOME if it is not there.

    Args:
        source: name of the dataset, a key of `TORCHVISION`.
        role: split: "train" or "test".

    Raises:
        HeatError: if the dataset cannot be downloaded or is damaged.
    """
    from torchvision import datasets  # imports torch, so only when needed

    kind, train, test = TORCHVISION[source]
    keywords = train if role == "train" else test
    root = heat_home() / "data"
    try:
        data = getattr(datasets, kind)(root, download=not _is_downloaded(datasets, kind, root, keywords), **keywords)
    except Exception as error:  # errors of urllib, zip files and hashes, which have the same remedy
        raise HeatError(
            f"{source} could not be downloaded ({error}): connect to the internet, or put torchvision's files "
            f"into {root}."
        ) from error
    labels: Any = getattr(data, "targets", getattr(data, "labels", getattr(data, "_labels", None)))
    class_names = list(getattr(data, "classes", [])) or [str(c) for c in sorted(set(map(int, labels)))]
    ids = [f"{source}/{role}/{i:06d}" for i in range(len(data))]
    labels = np.asarray(labels)
    made_by = f"{kind} {sorted(keywords.items())}"  # the same name may stand for another split or class one day
    content = digest_of_bytes(_torchvision_content(data), labels.tobytes(), length=64)
    fingerprint = digest_of_texts(f"reader {READER}", source, role, made_by, content)
    return ImageSet(source, ids, partial(_open_torchvision_item, data), labels, class_names, fingerprint)


def _torchvision_content(data: Any) -> bytes:
    """Return the pixels of a dataset that holds them, or else the names, sizes and times of its files."""
    pixels = getattr(data, "data", None)
    if pixels is not None and hasattr(pixels, "shape"):
        return np.ascontiguousarray(pixels).tobytes()
    for entries in vars(data).values():
        if not isinstance(entries, list):
            continue
        paths = [entry[0] if isinstance(entry, tuple) else entry for entry in entries]  # some lists hold labels too
        if paths and isinstance(paths[0], str | Path) and Path(paths[0]).is_file():
            names = "\n".join(Path(path).name for path in paths)
            return names.encode(errors="surrogateescape") + read_file_stats(PathList.from_paths(paths))[:, :2].tobytes()
    return b""


def _is_downloaded(datasets: ModuleType, kind: str, root: Path, keywords: dict[str, Any]) -> bool:
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


def _open_torchvision_item(data: Any, index: int) -> Image.Image:
    try:
        return read_image(data[index][0])
    except Exception as error:  # torchvision opens the files itself and raises various errors
        raise OSError(f"image {index} cannot be read ({type(error).__name__})") from error
