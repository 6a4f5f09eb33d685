"""Paths of the rows of a list, as Windows, macOS, browsers and spreadsheets write them."""

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote_to_bytes

import numpy as np

from heat_core.data.manifest_cells import object_array

#: Endings of lists of images, in lower case.
LIST_SUFFIXES = (".csv", ".tsv", ".csv.gz", ".tsv.gz", ".parquet", ".jsonl", ".ndjson", ".jsonl.gz")
_ENDINGS = tuple(end.encode() for end in LIST_SUFFIXES)
# What a path may hold that is not written as on this disk: a backslash, an accent, a percent escape, a space at an end,
# the home folder, an address.
_UNUSUAL = re.compile(rb"[\\\x80-\xff]|%[0-9A-Fa-f]{2}|^\s|\s$|^~|^[A-Za-z][A-Za-z0-9+.-]*:")
_MARKS = (b"\\", b"%", b":", b"~", b"\n ", b" \n", b"\t")  # without which no ASCII path is unusual
_ADDRESS = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]+)://")
_OF_WINDOWS = re.compile(rb"[A-Za-z]:[\\/]|\\\\")
_FILE_ADDRESS = re.compile(rb"file:(?://(?:localhost)?(?=/))?(?!//)(.+)", re.IGNORECASE | re.DOTALL)
_EXAMINED = 100  # rows by which the folder of a list that is a link is found
_MOST_FOLDERS = 4096  # whose entries are kept in memory


def join_paths(folder: bytes, paths: list[bytes]) -> list[bytes]:
    """Put a folder, which is empty or ends in a separator, before the paths that are not absolute."""
    if os.sep == "/":  # gives what `os.path.join` gives, in a tenth of the time
        return [path if path[:1] == b"/" else folder + path for path in paths]
    return [os.path.join(folder, path) for path in paths]


class RowPaths:
    """Paths of the rows of a list, which are absolute or relative to the folder of the list.

    The folder of a list that is a link is the one in which the link lies; or the one of the file that it leads to, if
    only there are such images.

    Args:
        table: path of the list.
        roots: folders to which the paths may be relative, if there are no such images beside the list.
    """

    def __init__(self, table: Path, roots: Sequence[Path] = ()) -> None:
        folders = [table.parent.resolve(), *(root.resolve() for root in roots), table.resolve().parent]
        self._folders = [os.path.join(os.fsencode(folder), b"") for folder in dict.fromkeys(folders)]
        self._folder, self._is_chosen = self._folders[0], len(self._folders) == 1
        self._entries = lru_cache(_MOST_FOLDERS)(self._read_entries)
        self._find_folder = lru_cache(_MOST_FOLDERS)(self._search_folder)

    def check(self, paths: list[bytes]) -> tuple[list[bytes], np.ndarray]:
        """Write paths as they are spelled on this disk.

        Args:
            paths: paths as the list holds them; b"" for missing ones.

        Returns:
            the paths, and the (n,) reasons why they are invalid, "" for valid ones. A file need not exist.
        """
        if not self._is_chosen:
            self._is_chosen, self._folder = True, self._choose_folder(paths)
        whole = b"\n".join([b"", *paths, b""])
        is_unusual = not whole.isascii() or any(mark in whole for mark in _MARKS)
        if is_unusual:
            paths = [self._correct(path) if _UNUSUAL.search(path) else path for path in paths]
        lower = whole.lower()
        is_doubtful = is_unusual or b"" in paths or b"\0" in whole or any(end in lower for end in _ENDINGS)
        if not is_doubtful:
            return paths, np.full(len(paths), "", object)
        return paths, object_array(map(self._why_invalid, paths))

    def resolve(self, paths: list[bytes]) -> list[bytes]:
        """Make paths absolute that `check` returned."""
        return join_paths(self._folder, paths)

    @property
    def folder(self) -> bytes:
        """Folder that the paths are relative to; known once paths were checked."""
        return self._folder

    def _choose_folder(self, paths: list[bytes]) -> bytes:
        """Return the first possible folder in which one of the first images is."""
        for folder in self._folders:
            if any(path and b"\0" not in path and os.path.exists(folder + path) for path in paths[:_EXAMINED]):
                return folder
        return self._folder

    def _correct(self, path: bytes) -> bytes:
        if b"\0" in path:
            return path
        return next(filter(None, map(self._find, _spellings(path))), path)

    def _find(self, path: bytes) -> bytes | None:
        """Return a path as the disk spells it, with its accents in either Unicode form; None if there is no file."""
        head, name = os.path.split(path)
        folder = self._find_folder(head)
        if folder is None:
            return None
        entry = self._entries(folder).get(name) or self._entries(folder).get(_composed(name))
        return os.path.join(folder, entry) if entry else None

    def _search_folder(self, path: bytes) -> bytes | None:
        return path if os.path.isdir(os.path.join(self._folder, path)) else self._find(path)

    def _read_entries(self, folder: bytes) -> dict[bytes, bytes]:
        """Return what lies in a folder: name, and name in the composed form → name."""
        try:
            names = os.listdir(os.path.join(self._folder, folder))
        except OSError:
            return {}
        return {_composed(name): name for name in names} | {name: name for name in names}

    def _why_invalid(self, path: bytes) -> str:
        if not path or b"\0" in path:
            return "no path"
        if path.lower().endswith(_ENDINGS):
            return "a manifest, no image"
        if address := _ADDRESS.match(path):
            scheme = address[1].decode().lower()
            if scheme == "file":
                return "a file that is not there"
            return f"{scheme}:// is an address: download the files, and give their paths"
        if os.sep == "/" and _OF_WINDOWS.match(path) and self._find(path) is None:
            return "a path of a Windows computer: give paths relative to the list's folder"
        return ""


def _spellings(path: bytes) -> Iterator[bytes]:
    """Yield what a path may mean: as it is; without spaces around it; of `file:` or `~`; with slashes; unescaped."""
    yield path
    stripped = path.strip()
    if address := _FILE_ADDRESS.fullmatch(stripped):
        stripped = unquote_to_bytes(address[1])
        stripped = stripped.lstrip(b"/") if os.sep != "/" else stripped
    stripped = os.path.expanduser(stripped)
    yield stripped
    slashed = stripped.replace(b"\\", b"/")
    yield slashed
    yield unquote_to_bytes(slashed)


def _composed(name: bytes) -> bytes:
    """Return a name with its accents in Unicode form NFC; macOS writes them in another form than Linux and Windows."""
    if name.isascii():
        return name
    return unicodedata.normalize("NFC", name.decode(errors="surrogateescape")).encode(errors="surrogateescape")
