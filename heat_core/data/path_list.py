"""Paths of many files in compact form, and the size and times of the files."""

import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import overload

import numpy as np

from heat_core.data.containers.members import find_member

#: Stand in for a size: of a file that does not exist or may not be read; of a folder, device or pipe.
NOT_FOUND, NOT_A_FILE = -1, -2
_THREADS = 32
# Errors for a path below a file, as that of a member of an archive. Windows has one error for it and for missing files.
_BELOW_A_FILE = (NotADirectoryError,) if os.name == "posix" else (NotADirectoryError, FileNotFoundError)
_LARGEST = 2**63 - 1  # a mask, because some file systems use inode numbers up to 2^64


class PathList(Sequence[Path]):
    """Sequence of paths, stored as bytes; a `Path` object is made only when an element is read. Picklable.

    Args:
        content: bytes of all paths, without separators.
        ends: end of each path in `content`.
        rows: (n,) indices of the paths that belong to the sequence, in order.
    """

    def __init__(self, content: bytes, ends: np.ndarray, rows: np.ndarray) -> None:
        self._content, self._ends, self._rows = content, ends, rows

    @classmethod
    def from_paths(cls, paths: Iterable[str | bytes | os.PathLike[str]]) -> "PathList":
        """Make the sequence of these paths."""
        raw = [path if isinstance(path, bytes) else os.fsencode(path) for path in paths]
        ends = np.cumsum(np.fromiter(map(len, raw), np.int64, len(raw)))
        return cls(b"".join(raw), ends, np.arange(len(raw)))

    @classmethod
    def concatenate(cls, parts: Sequence["PathList"]) -> "PathList":
        """Concatenate sequences that `from_paths` made; sequences that `take` made are not accepted."""
        starts = np.cumsum([0, *(len(part._content) for part in parts)])
        ends = [part._ends + start for part, start in zip(parts, starts[:-1], strict=True)]
        whole = np.concatenate(ends) if ends else np.empty(0, np.int64)
        return cls(b"".join(part._content for part in parts), whole, np.arange(len(whole)))

    def take(self, rows: np.ndarray) -> "PathList":
        """Return the paths at these indices, in that order."""
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

    def iter_bytes(self, block: int = 2**16) -> Iterator[bytes]:
        """Yield the bytes of each path; the offsets of `block` paths are Python objects at a time."""
        starts = np.where(self._rows > 0, self._ends[self._rows - 1], 0) if len(self._rows) else self._rows
        ends = self._ends[self._rows]
        for i in range(0, len(self._rows), block):
            part = slice(i, i + block)
            for start, end in zip(starts[part].tolist(), ends[part].tolist(), strict=True):
                yield self._content[start:end]


def read_file_stats(files: PathList, batch: int = 2000, slow: float = 3e-5) -> np.ndarray:
    """Read the stats of files; on a slow disk, such as a network share, in 32 threads.

    Args:
        files: paths of N files.
        batch: number of files that a thread reads one by one.
        slow: seconds per file above which a disk counts as slow; default: ten times that of a file whose stats the
            system has cached.

    Returns:
        (N, 5) int64: size in bytes, time of the last change of the content in ns, time of the last change of content
        or status in ns (which a program cannot set), device, inode. The size is `NOT_FOUND` or `NOT_A_FILE` if there
        is no such file.
    """
    parts = [files[i : i + batch] for i in range(0, len(files), batch)]
    stats, is_slow = [np.empty((0, 5), np.int64)], False
    while parts and not is_slow:
        began = time.monotonic()
        stats.append(_stat_files(parts.pop(0)))
        is_slow = time.monotonic() - began > slow * len(stats[-1])
    with ThreadPoolExecutor(_THREADS) as pool:
        return np.concatenate([*stats, *pool.map(_stat_files, parts)])


def _stat_files(files: PathList) -> np.ndarray:
    """Read the (n, 5) stats of files one by one; a path that repeats the one before it is not read again."""
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
    except _BELOW_A_FILE:
        return _stat_member(path)
    except (OSError, ValueError):
        return NOT_FOUND, 0, 0, 0, 0
    size = status.st_size if stat.S_ISREG(status.st_mode) else NOT_A_FILE
    return size, status.st_mtime_ns, status.st_ctime_ns, status.st_dev & _LARGEST, status.st_ino & _LARGEST


def _stat_member(path: bytes) -> tuple[int, int, int, int, int]:
    """Return what stands for the stats of a file inside an archive."""
    try:
        member = find_member(path)
    except OSError:
        member = None
    if member is None:
        return NOT_FOUND, 0, 0, 0, 0
    size, changed, archive_changed, device, number = member.stats()
    return size, changed, archive_changed, device & _LARGEST, number
