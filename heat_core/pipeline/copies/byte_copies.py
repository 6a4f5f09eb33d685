"""Files of two sets that hold the same bytes.

Only files whose size another set has too are read: first a part of each, then whole those whose part is the same.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from heat_core.data.containers.members import open_file
from heat_core.data.path_list import PathList
from heat_core.digests import digest_of_bytes

_PART = 4096  # bytes from the middle of a file, since the files of one format begin alike
_BATCH, _THREADS = 1000, 8
MOST_SECONDS = 10.0  # for reading files

File = tuple[str, int]  # name of a set, index in it
Key = tuple[int, str]  # size and digest


def find_byte_copies(
    files: Mapping[str, PathList], stats: Mapping[str, np.ndarray], most_seconds: float = MOST_SECONDS
) -> dict[File, Key] | None:
    """Find the files whose bytes a file of another set has too; links to one file are not read.

    Args:
        files: name of a set → its files.
        stats: name of a set → (N, 5) stats of its files (see `path_list.read_file_stats`).
        most_seconds: time after which the search is given up.

    Returns:
        (name of the set, index in it) → (size, digest) of these files; None where the search was given up.
    """
    end = time.monotonic() + most_seconds
    keys = _of_shared_sizes(stats)
    keys = _without_links(keys, stats)
    for read in (_read_middle, digest_of_path):
        digests = _read_all(read, [files[name][i] for name, i in keys], end)
        if digests is None:
            return None
        keys = _in_two_sets({f: (size, d) for (f, (size, _)), d in zip(keys.items(), digests, strict=True) if d})
    return keys


def _of_shared_sizes(stats: Mapping[str, np.ndarray]) -> dict[File, Key]:
    """Select the files whose size a file of another set has too; of a million others no Python object is made."""
    sizes_of_sets = [np.empty(0, np.int64), *(np.unique(of_set[:, 0]) for of_set in stats.values())]
    sizes, sets = np.unique(np.concatenate(sizes_of_sets), return_counts=True)
    shared = sizes[(sets > 1) & (sizes > 0)]
    return {
        (name, i): (int(of_set[i, 0]), "")
        for name, of_set in stats.items()
        for i in np.flatnonzero(np.isin(of_set[:, 0], shared)).tolist()
    }


def _in_two_sets(keys: dict[File, Key]) -> dict[File, Key]:
    """Keep the files whose key a file of another set has too."""
    sets: dict[Key, set[str]] = defaultdict(set)
    for (name, _), key in keys.items():
        sets[key].add(name)
    return {file: key for file, key in keys.items() if len(sets[key]) > 1}


def _without_links(keys: dict[File, Key], stats: Mapping[str, np.ndarray]) -> dict[File, Key]:
    """Leave out the files of a size that one file alone has, under whatever names."""
    identities = {file: tuple(stats[file[0]][file[1], 3:].tolist()) for file in keys}
    of_size: dict[Key, set[tuple[int, ...]]] = defaultdict(set)
    for file, key in keys.items():
        of_size[key].add(identities[file])
    return {file: key for file, key in keys.items() if len(of_size[key]) > 1}


def _read_all(read: Callable[[Path], str], paths: list[Path], end: float) -> list[str] | None:
    """Apply a function to every path, or return None where this is not finished at the time `end`."""
    results = list[str]()
    with ThreadPoolExecutor(_THREADS) as pool:
        for i in range(0, len(paths), _BATCH):
            if time.monotonic() > end:
                return None
            results += pool.map(read, paths[i : i + _BATCH])
    return results


def _read_middle(path: Path) -> str:
    """Digest a part of a file; "" where it cannot be read."""
    try:
        with open_file(path) as file:
            size = file.seek(0, 2)
            file.seek(max(size - _PART, 0) // 2)
            return digest_of_bytes(file.read(_PART))
    except OSError:
        return ""


def digest_of_path(path: Path) -> str:
    """Digest a file; "" where it cannot be read."""
    try:
        with open_file(path) as file:
            return digest_of_bytes(file.read())
    except OSError:
        return ""
