"""A folder of images: which files are its images, which folders its classes, and what of it is left aside."""

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from heat_core.data.image_io import header, left_out, suffixes
from heat_core.errors import HeatError
from heat_core.storage import is_file, printable

# What systems, network storage, synchronisers and photo programs leave beside pictures; hidden ones begin with a dot.
_SYSTEM = {
    "__macosx", "network trash folder", "temporary items", "thevolumesettingsfolder", "icon\r",
    "@eadir", "@tmp", "@recycle", "@recently-snapshot", "@transcode", "@sharebin", "@__thumb", "#recycle", "#snapshot",
    "~snapshot", "lost+found", "aquota.user", "aquota.group",
    "$recycle.bin", "recycler", "recyclebin.ffs", "system volume information", "msocache", "thumbs.db",
    "ehthumbs.db", "desktop.ini", "_gsdata_", "__pycache__", "node_modules",
    "picasa.ini", "captureone", "bridge cache", "ipod photo cache", "zbthumbnail.info",
}  # fmt: skip
_SYSTEM_PATTERN = re.compile(
    r"@syno\w+|found\.\d{3}|\$windows\.~\w+|_vti_\w+|.+\.(lrdata|lrcat-data|photoslibrary|photolibrary|"
    r"migratedphotolibrary|aplibrary|cocatalog|cosessiondb)"
)
_LOOKED_AT = 16  # files whose header is looked at
_PLAIN = (".jpg", ".jpeg", ".jpe", ".jfif")


@dataclass(frozen=True)
class Folder:
    """What a folder of images holds.

    Attributes:
        files: every image, in order.
        names: of the files below the folder, as they can be printed and kept; one each.
        notes: sentences about what was left aside or read in a way that one should know.
    """

    files: list[Path]
    names: list[str]
    notes: list[str]


def scan(folder: Path) -> Folder:
    """Every image below a folder, through links too; hidden and system folders are left aside.

    Raises:
        HeatError: where the folder, or one below it, may not be read.
    """
    files: list[Path] = []
    others: list[Path] = []
    aside: list[Path] = []
    empty: list[Path] = []
    for path, kind in _walk(str(folder), frozenset()):
        {"image": files, "other": others, "aside": aside, "empty": empty}[kind].append(Path(path))
    files.sort()
    names = unique([printable(p.relative_to(folder).as_posix()) for p in files])
    return Folder(files, names, list(_notes(folder, files, others, aside, empty)))


def _walk(path: str, above: frozenset[str]) -> Iterator[tuple[str, str]]:
    """(path, image | other | aside | empty); a link that leads back up is not followed."""
    real = os.path.realpath(path)
    if real in above:
        return
    try:
        with os.scandir(path) as found:
            entries = list(found)
    except OSError as error:
        raise HeatError(
            f"{printable(path)} cannot be read ({error.strerror or error}): change its permissions, or move it away."
        ) from error
    if above and all(_is_system(entry.name) for entry in entries):
        yield path, "empty"
    for entry in entries:
        try:
            inner, file = entry.is_dir(), entry.is_file()
        except OSError:  # a link to itself
            continue
        if _is_system(entry.name):
            if inner:
                yield entry.path, "aside"
        elif inner:
            yield from _walk(entry.path, above | {real})
        elif file:
            yield entry.path, "image" if os.path.splitext(entry.name)[1].lower() in suffixes() else "other"


def _is_system(name: str) -> bool:
    low = name.lower()
    return name.startswith(".") or low in _SYSTEM or _SYSTEM_PATTERN.fullmatch(low) is not None


def _notes(folder: Path, files: list[Path], others: list[Path], aside: list[Path], empty: list[Path]) -> Iterator[str]:
    classes = _classes(folder, files)
    if sentence := left_out(str(p) for p in others):
        lost = sorted(_classes(folder, others) - classes, key=natural_key)
        whole = f"; no image is left of {', '.join(map(repr, lost))}" if lost else ""
        yield f"{sentence}{whole}."
    if classes and (nothing := {printable(p.name) for p in empty if p.parent == folder} - classes):
        shown = ", ".join(map(repr, sorted(nothing, key=natural_key)[:5])) + (" …" if len(nothing) > 5 else "")
        yield f"There is nothing in {shown}: no class is made of it."
    if aside:
        names = sorted({printable(p.name) for p in aside})
        yield f"Hidden and system folders are left aside: {', '.join(names[:5])}{' …' if len(names) > 5 else ''}."
    yield from _of_headers(files)


def _of_headers(files: list[Path]) -> Iterator[str]:
    """What some of the files say of themselves; JPEGs have neither depth nor several pictures."""
    told = [p for p in files if p.suffix.lower() not in _PLAIN]
    headers = {p.name: header(p) for p in told[:: max(len(told) // _LOOKED_AT, 1)]}
    for depth, title in (("grey", "Grey"), ("colour", "Colour")):
        if deep := next((name for name, found in headers.items() if found.depth == depth), None):
            yield f"{title} images of more than 8 bits are scaled to 8 by their range ({printable(deep)} for one)."
    if several := next((name for name, found in headers.items() if found.pictures > 1), None):
        held = headers[several].pictures
        yield f"Of files with several pictures the first is taken ({printable(several)} holds {held})."


def _classes(folder: Path, files: list[Path]) -> set[str]:
    parts = (p.relative_to(folder).parts for p in files)
    return {printable(part[0]) for part in parts if len(part) > 1}


def unique(names: list[str]) -> list[str]:
    """The same names, each once: two that are printed alike are told apart by a number."""
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name}~{seen[name]}")
    return found


def unique_beside(taken: Iterable[str], names: Iterable[str]) -> list[str]:
    """Foreign names that stand beside ours, each once, and none of them one of ours."""
    taken = list(taken)
    return unique([*taken, *names])[len(taken) :]


def class_titles(names: list[str]) -> list[str]:
    """Names of classes as they are compared between sets: printable, each once, and with accents written in one way
    (macOS writes them in another than Linux and Windows)."""
    return unique([unicodedata.normalize("NFC", printable(name)) for name in names])


def numbered(names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """(N,) the number of each name among those that there are, in natural order, and their titles."""
    known = sorted(set(names), key=lambda name: (natural_key(name), name))
    number = {name: i for i, name in enumerate(known)}
    return np.array([number[name] for name in names]), class_titles(known)


# What the splits of data sets are called → which split it is. `train`, `seg_train`, `Training Set`, `testA`, `val2017`.
SPLITS = {"train": "train", "training": "train"} | dict.fromkeys(
    ("test", "testing", "val", "valid", "validation", "dev", "eval", "holdout"), "test"
)
_SPLIT = re.compile(rf"(?:.*[^a-z])?({'|'.join(sorted(SPLITS, key=len, reverse=True))})(?:[ab]|set|(?:[^a-z].*))?")


def split_of(name: str) -> str:
    """train or test where something is called after such a split, else empty."""
    found = _SPLIT.fullmatch(name.lower())
    return SPLITS[found[1]] if found else ""


def natural_key(text: str) -> list[int | str]:
    """Sorts 2 before 10, as timm's reader sorts classes."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", text.lower())]


def is_features_folder(folder: Path) -> bool:
    """Whether a folder holds features instead of images."""
    return is_file(folder / "avg.npy")
