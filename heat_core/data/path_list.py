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
NOT_FOUND, NOT_A_FILE = -1, -2
_BATCH, _SLOW, _THREADS = 2000, 3e-5, 32  # files; seconds a file: ten times what one takes that was asked before
_BLOCK = 2**16  # files that are objects at a time
_LARGEST = 2**63 - 1  # some file systems number their files up to 2^64


class PathList(Sequence[Path]):
    """Paths, kept as their bytes; a `Path` is made of each that is asked for. Can be pickled."""

    def __init__(self, content: bytes, ends: np.ndarray, rows: np.ndarray) -> None:
        self._content, self._ends, self._rows = content, ends, rows

    @classmethod
    def from_paths(cls, paths: Iterable[str | bytes | os.PathLike[str]]) -> "PathList":
        """The files of these paths."""
        raw = [path if isinstance(path, bytes) else os.fsencode(path) for path in paths]
        ends = np.cumsum(np.fromiter(map(len, raw), np.int64, len(raw)))
        return cls(b"".join(raw), ends, np.arange(len(raw)))

    @classmethod
    def concatenate(cls, parts: Sequence["PathList"]) -> "PathList":
        """One after the other; the parts are as `from_paths` made them."""
        starts = np.cumsum([0, *(len(part._content) for part in parts)])
        ends = [part._ends + start for part, start in zip(parts, starts[:-1], strict=True)]
        whole = np.concatenate(ends) if ends else np.empty(0, np.int64)
        return cls(b"".join(part._content for part in parts), whole, np.arange(len(whole)))

    def take(self, rows: np.ndarray) -> "PathList":
        """Those at these places, in that order."""
        return PathList(self._content, self._ends, self._rows[rows])

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Path: ...

    @overload
    def __getitem__(self, index: slice) -> "PathList": ...

    def __getitem__(self, index: int | slice) -> "Path | PathList":
        if isinstance(index, slice):
            return PathList(self._content, self._ends, self._rows[index])
        row = int(self._rows[index])
        start = int(self._ends[row - 1]) if row else 0
        return Path(os.fsdecode(self._content[start : int(self._ends[row])]))

    def iter_bytes(self) -> Iterator[bytes]:
        """The paths' bytes, one after the other."""
        starts = np.where(self._rows > 0, self._ends[self._rows - 1], 0) if len(self._rows) else self._rows
        ends = self._ends[self._rows]
        for i in range(0, len(self._rows), _BLOCK):
            block = slice(i, i + _BLOCK)
            for start, end in zip(starts[block].tolist(), ends[block].tolist(), strict=True):
                yield self._content[start:end]


def read_file_stats(files: PathList) -> np.ndarray:
    """(N, 5) int64 of each file: size, when its content and when anything of it was last changed (ns), device, inode.

    The third cannot be set by a program, unlike the second. Size is `NOT_FOUND` or `NOT_A_FILE` of what is no
    file. From where the disk lets wait, as one behind a network does, many are asked for at a time.
    """
    parts = [files[i : i + _BATCH] for i in range(0, len(files), _BATCH)]
    stats, slow = [np.empty((0, 5), np.int64)], False
    while parts and not slow:
        began = time.monotonic()
        stats.append(_stat_files(parts.pop(0)))
        slow = time.monotonic() - began > _SLOW * len(stats[-1])
    with ThreadPoolExecutor(_THREADS) as pool:
        return np.concatenate([*stats, *pool.map(_stat_files, parts)])


def _stat_files(files: PathList) -> np.ndarray:
    """(n, 5) as `read_file_stats`, one after the other. Boxes of one picture follow one another: it is read once."""
    stats = list[int]()
    previous, row = b"", (NOT_FOUND, 0, 0, 0, 0)
    for path in files.iter_bytes():
        if path != previous:
            previous, row = path, _stat_file(path)
        stats += row
    return np.array(stats, np.int64).reshape(-1, 5)


def _stat_file(path: bytes) -> tuple[int, int, int, int, int]:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return NOT_FOUND, 0, 0, 0, 0
    size = status.st_size if stat.S_ISREG(status.st_mode) else NOT_A_FILE
    return size, status.st_mtime_ns, status.st_ctime_ns, status.st_dev & _LARGEST, status.st_ino & _LARGEST
