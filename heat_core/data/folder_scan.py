"""Scan of a folder of images: its images, its classes, and notes about files that are left out."""

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heat_core.data.containers.members import list_archive
from heat_core.data.image_io import describe_unread_files, read_header, suffixes
from heat_core.data.manifest_cells import class_name
from heat_core.errors import HeatError
from heat_core.names import printable, shortlist
from heat_core.storage import is_file, is_folder

# Files and folders that systems, network storage, synchronisers and photo programs create beside images. Names that
# begin with a dot are treated alike.
_SYSTEM = {
    *("__macosx", "network trash folder", "temporary items", "thevolumesettingsfolder", "icon\r"),
    *("@eadir", "@tmp", "@recycle", "@recently-snapshot", "@transcode", "@sharebin", "@__thumb"),
    *("#recycle", "#snapshot", "~snapshot", "lost+found", "aquota.user", "aquota.group"),
    *("$recycle.bin", "recycler", "recyclebin.ffs", "system volume information", "msocache", "thumbs.db"),
    *("ehthumbs.db", "desktop.ini", "_gsdata_", "__pycache__", "node_modules"),
    *("picasa.ini", "captureone", "bridge cache", "ipod photo cache", "zbthumbnail.info"),
}
_SYSTEM_PATTERN = re.compile(
    r"@syno\w+|found\.\d{3}|\$windows\.~\w+|_vti_\w+|.+\.(lrdata|lrcat-data|photoslibrary|photolibrary|"
    r"migratedphotolibrary|aplibrary|cocatalog|cosessiondb)"
)
_MOST_HEADERS = 16  # about so many files of a folder have their header read
_JPEG_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif")


@dataclass(frozen=True)
class FolderScan:
    """Contents of a folder of images.

    Attributes:
        files: path of every image, sorted.
        names: unique printable name of each file, relative to the folder.
        notes: sentences about files that are left out or read in an unusual way.
    """

    files: list[Path]
    names: list[str]
    notes: list[str]


def scan_folder(folder: Path) -> FolderScan:
    """Find every image below a folder, following links; hidden and system folders are left out.

    Args:
        folder: path of a folder, of a zip or tar archive, or of a folder in one.

    Raises:
        HeatError: if the folder, or one below it, may not be read, or if the archive cannot be read.
    """
    notes: list[str] = []
    files: list[Path] = []
    others: list[Path] = []
    hidden: list[Path] = []
    empty: list[Path] = []
    for path, kind in _walk(str(folder), frozenset()) if is_folder(folder) else _walk_archive(folder, notes):
        {"image": files, "other": others, "hidden": hidden, "empty": empty}[kind].append(Path(path))
    files.sort()
    names = unique_names([printable(p.relative_to(folder).as_posix()) for p in files])
    return FolderScan(files, names, [*notes, *_notes(folder, files, others, hidden, empty)])


def _walk(path: str, above: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Yield (path, kind) with kind `image`, `other`, `hidden` or `empty`; links to a folder above are not followed."""
    real = os.path.realpath(path)
    if real in above:
        return
    try:
        with os.scandir(path) as iterator:
            entries = list(iterator)
    except OSError as error:
        raise HeatError(
            f"{printable(path)} cannot be read ({error.strerror or error}): change its permissions, or move it away."
        ) from error
    if above and all(_is_system(entry.name) for entry in entries):
        yield path, "empty"
    for entry in entries:
        try:
            is_sub_folder, is_regular_file = entry.is_dir(), entry.is_file()
        except OSError:  # a link that leads to itself
            continue
        if _is_system(entry.name):
            if is_sub_folder:
                yield entry.path, "hidden"
        elif is_sub_folder:
            yield from _walk(entry.path, above | {real})
        elif is_regular_file:
            yield entry.path, _kind(entry.name)


def _kind(name: str) -> str:
    return "image" if os.path.splitext(name)[1].lower() in suffixes() else "other"


def _walk_archive(folder: Path, notes: list[str]) -> Iterator[tuple[str, str]]:
    """Yield what `_walk` yields, for an archive or a folder in one, and add sentences about it to `notes`."""
    content = list_archive(folder)
    notes.extend(content.notes)
    hidden, filled = dict[str, None](), set[str]()
    for name in content.names:
        parts = name.split("/")
        system = next((i for i, part in enumerate(parts) if _is_system(part)), None)
        if system is None:
            filled.update("/".join(parts[:i]) for i in range(1, len(parts)))
            yield os.path.join(folder, name), _kind(name)
        elif system < len(parts) - 1:
            hidden["/".join(parts[: system + 1])] = None
    empty = [name for name in content.folders if name not in filled and not any(map(_is_system, name.split("/")))]
    for kind, names in (("hidden", hidden), ("empty", empty)):
        for name in names:
            yield os.path.join(folder, name), kind


def _is_system(name: str) -> bool:
    lower = name.lower()
    return name.startswith(".") or lower in _SYSTEM or _SYSTEM_PATTERN.fullmatch(lower) is not None


def _notes(folder: Path, files: list[Path], others: list[Path], hidden: list[Path], empty: list[Path]) -> Iterator[str]:
    classes = _classes(folder, files)
    if sentence := describe_unread_files(str(p) for p in others):
        lost = sorted(_classes(folder, others) - classes, key=natural_key)
        without_images = f"; no image is left of {', '.join(map(repr, lost))}" if lost else ""
        yield f"{sentence}{without_images}."
    if classes and (empty_names := {printable(p.name) for p in empty if p.parent == folder} - classes):
        listed = shortlist(list(map(repr, sorted(empty_names, key=natural_key))))
        yield f"There is nothing in {listed}: no class is made of it."
    if hidden:
        names = sorted({printable(p.name) for p in hidden})
        yield f"Hidden and system folders are left aside: {shortlist(names)}."
    yield from _header_notes(files)


def _header_notes(files: list[Path]) -> Iterator[str]:
    """Read the headers of some files, and yield sentences about depth and number of pictures.

    JPEGs are not read: they always have 8 bits and one picture.
    """
    candidates = [p for p in files if p.suffix.lower() not in _JPEG_SUFFIXES]
    headers = {p.name: read_header(p) for p in candidates[:: max(len(candidates) // _MOST_HEADERS, 1)]}
    for depth, title in (("grey", "Grey"), ("colour", "Colour")):
        if deep := next((name for name, header in headers.items() if header.depth == depth), None):
            yield f"{title} images of more than 8 bits are scaled to 8 by their range ({printable(deep)} for one)."
    if several := next((name for name, header in headers.items() if header.pictures > 1), None):
        count = headers[several].pictures
        yield f"Of files with several pictures the first is taken ({printable(several)} holds {count})."


def _classes(folder: Path, files: list[Path]) -> set[str]:
    parts = (p.relative_to(folder).parts for p in files)
    return {printable(part[0]) for part in parts if len(part) > 1}


def unique_names(names: Sequence[str]) -> list[str]:
    """Make names unique: a name that repeats an earlier one gets a number, as in `a~2`, that no other name has."""
    taken, numbers = set(names), dict.fromkeys(names, 0)
    unique = []
    for name in names:
        new = name
        numbers[name] += 1
        while numbers[name] > 1 and (new := f"{name}~{numbers[name]}") in taken:
            numbers[name] += 1
        taken.add(new)
        unique.append(new)
    return unique


def unique_names_avoiding(taken: Iterable[str], names: Iterable[str]) -> list[str]:
    """Make names unique, and different from the names that are taken, also for readers that ignore their case."""
    names = list(names)
    used = {name.casefold() for name in taken}
    reserved = {name.casefold() for name in names} - used
    unique = []
    for name in names:
        new, number = name, 1
        while new.casefold() in used or (number > 1 and new.casefold() in reserved):
            number += 1
            new = f"{name}~{number}"
        used.add(new.casefold())
        unique.append(new)
    return unique


def normalise_class_names(names: list[str]) -> list[str]:
    """Normalise class names so that they can be compared between sets: printable, unique, in Unicode form NFC.

    macOS stores accented letters in another form than Linux and Windows. Truth values and whole numbers are written in
    one way (see `manifest_cells.class_name`).
    """
    return unique_names([unicodedata.normalize("NFC", class_name(printable(name))) for name in names])


def encode_classes(names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Assign a number to each class name, in natural order.

    Args:
        names: class name of each of the N samples.

    Returns:
        (N,) class number of each sample, and the normalised name of each class number.
    """
    known = sorted(set(names), key=lambda name: (natural_key(name), name))
    number = {name: i for i, name in enumerate(known)}
    return np.array([number[name] for name in names]), normalise_class_names(known)


# Usual name of a split → `train` or `test`. Matching names are, for example, `train`, `seg_train`, `Training Set`,
# `testA` and `val2017`.
SPLITS = {"train": "train", "training": "train"} | dict.fromkeys(
    ("test", "testing", "val", "valid", "validation", "dev", "eval", "holdout"), "test"
)
_SPLIT = re.compile(rf"(?:.*[^a-z])?({'|'.join(sorted(SPLITS, key=len, reverse=True))})(?:[ab]|set|(?:[^a-z].*))?")


def split_of(name: str) -> str:
    """Return "train" or "test" if a name is that of such a split, else ""."""
    match = _SPLIT.fullmatch(name.lower())
    return SPLITS[match[1]] if match else ""


def natural_key(text: str) -> list[int | str]:
    """Return a sort key that sorts 2 before 10, as timm's reader sorts classes."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", text.lower())]


def is_features_folder(folder: Path) -> bool:
    """Return whether a folder holds features instead of images."""
    return is_file(folder / "avg.npy")
