"""Where many images lie, without an object for each; and what the disk says of them."""

import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import overload

import numpy as np

#: In place of a size: nothing is there (or it may not be looked at); a folder, a device, a pipe.
GONE, NO_FILE = -1, -2
_AT_ONCE, _SLOW, _THREADS = 2000, 3e-5, 32  # files; seconds a file: ten times what one takes that was asked before
_BLOCK = 2**16  # files that are objects at a time
_LARGEST = 2**63 - 1  # some file systems number their files up to 2^64


class Files(Sequence[Path]):
    """Paths, kept as their bytes; a `Path` is made of each that is asked for. Can be pickled."""

    def __init__(self, content: bytes, ends: np.ndarray, rows: np.ndarray) -> None:
        self._content, self._ends, self._rows = content, ends, rows

    @classmethod
    def of(cls, paths: Iterable[str | bytes | os.PathLike[str]]) -> "Files":
        """The files of these paths."""
        raw = [path if isinstance(path, bytes) else os.fsencode(path) for path in paths]
        ends = np.cumsum(np.fromiter(map(len, raw), np.int64, len(raw)))
        return cls(b"".join(raw), ends, np.arange(len(raw)))

    @classmethod
    def joined(cls, parts: Sequence["Files"]) -> "Files":
        """One after the other; the parts are as `of` made them."""
        starts = np.cumsum([0, *(len(part._content) for part in parts)])
        ends = [part._ends + start for part, start in zip(parts, starts[:-1], strict=True)]
        whole = np.concatenate(ends) if ends else np.empty(0, np.int64)
        return cls(b"".join(part._content for part in parts), whole, np.arange(len(whole)))

    def take(self, rows: np.ndarray) -> "Files":
        """Those at these places, in that order."""
        return Files(self._content, self._ends, self._rows[rows])

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Path: ...

    @overload
    def __getitem__(self, index: slice) -> "Files": ...

    def __getitem__(self, index: int | slice) -> "Path | Files":
        if isinstance(index, slice):
            return Files(self._content, self._ends, self._rows[index])
        row = int(self._rows[index])
        start = int(self._ends[row - 1]) if row else 0
        return Path(os.fsdecode(self._content[start : int(self._ends[row])]))

    def raw(self) -> Iterator[bytes]:
        """The paths' bytes, one after the other."""
        starts = np.where(self._rows > 0, self._ends[self._rows - 1], 0) if len(self._rows) else self._rows
        ends = self._ends[self._rows]
        for i in range(0, len(self._rows), _BLOCK):
            block = slice(i, i + _BLOCK)
            for start, end in zip(starts[block].tolist(), ends[block].tolist(), strict=True):
                yield self._content[start:end]


def looked_at(files: Files) -> np.ndarray:
    """(N, 5) int64 of each file: size, when its content and when anything of it was last changed (ns), device, inode.

    The third cannot be set by a program, unlike the second. Size is `GONE` or `NO_FILE` of what is no file. From where
    the disk lets wait, as one behind a network does, many are asked for at a time.
    """
    parts = [files[i : i + _AT_ONCE] for i in range(0, len(files), _AT_ONCE)]
    found, slow = [np.empty((0, 5), np.int64)], False
    while parts and not slow:
        began = time.monotonic()
        found.append(_asked(parts.pop(0)))
        slow = time.monotonic() - began > _SLOW * len(found[-1])
    with ThreadPoolExecutor(_THREADS) as pool:
        return np.concatenate([*found, *pool.map(_asked, parts)])


def _asked(files: Files) -> np.ndarray:
    """The same of some files. Boxes of one picture follow one another: it is asked for once."""
    said = list[int]()
    before, known = b"", (GONE, 0, 0, 0, 0)
    for path in files.raw():
        if path != before:
            before, known = path, _said_of(path)
        said += known
    return np.array(said, np.int64).reshape(-1, 5)


def _said_of(path: bytes) -> tuple[int, int, int, int, int]:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return GONE, 0, 0, 0, 0
    size = found.st_size if stat.S_ISREG(found.st_mode) else NO_FILE
    return size, found.st_mtime_ns, found.st_ctime_ns, found.st_dev & _LARGEST, found.st_ino & _LARGEST
