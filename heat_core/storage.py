"""Where things live (HEAT_HOME) and how they are written: whole, or not at all."""

import errno
import hashlib
import json
import mmap
import os
import re
import shutil
import stat
import struct
import sys
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from heat_core.errors import HeatError


def typed(path: str | os.PathLike[str]) -> Path:
    """A path as a person types it: `~` and `~somebody` are homes, where there are such."""
    return Path(os.path.expanduser(path))


def heat_home() -> Path:
    """The folder for data, features and runs: `$HEAT_HOME`, or `heat-explorer` in the user's cache."""
    if chosen := os.environ.get("HEAT_HOME"):
        return typed(chosen)
    if sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA", Path.home()))
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "heat-explorer"


_CURES = (
    ((errno.ENOSPC, errno.EDQUOT), "free some disk space, or point HEAT_HOME to another disk"),
    ((errno.EACCES, errno.EPERM, errno.EROFS), "change its permissions, or point HEAT_HOME to a folder of your own"),
    ((errno.ENAMETOOLONG,), "choose a shorter name"),
    (
        (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY),
        "something else of that name is in the way, move it",
    ),
    ((errno.EMFILE, errno.ENFILE), "too many files are open, close other programs"),
)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failed write (a full disk, a read-only folder, a name too long) into a sentence that names the cause."""
    try:
        yield
    except OSError as error:
        usual = "look at the disk, or point HEAT_HOME to another"
        cure = next((cure for codes, cure in _CURES if error.errno in codes), usual)
        raise HeatError(
            f"Could not write {printable(path)} ({error.strerror or error}): {cure}, then start again; whatever was "
            "finished is kept."
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a name to write to; it becomes `path` only when the block ends without an error."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield beside
            os.replace(beside, path)
    finally:
        with suppress(OSError):  # its folder may be what cannot be written
            beside.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    with replacing(path) as beside:
        beside.write_text(json.dumps(content, indent=1), encoding="utf-8")


def read_json(path: Path, cure: str = "delete it and start the run again") -> Any:
    """Read a JSON file; HeatError where it is missing or damaged, which ends in the cure."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HeatError(f"{printable(path)} is missing: {cure}.") from None
    except PermissionError as error:
        raise no_permission(path, error) from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise HeatError(f"{printable(path)} is damaged, it is not valid JSON at {where}: {cure}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise HeatError(f"{printable(path)} is damaged or cannot be read ({_why(error)}): {cure}.") from error


def no_permission(path: Path, error: OSError) -> HeatError:
    """Of a file that may be whole, but may not be read."""
    return HeatError(f"{printable(path)} cannot be read ({error.strerror}): change its permissions.")


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


_LARGE = 2**28  # bytes of a file that is not kept in memory
_SEAL = "digest"  # of the other arrays of an .npz file, or the other keys of a JSON object


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays and a digest of them, whole or not at all."""
    arrays = {name: np.asarray(values) for name, values in arrays.items() if name != _SEAL}
    arrays[_SEAL] = np.array(digest_of_arrays(arrays))
    with replacing(path) as beside, open(beside, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # (numpy's stub takes a name for allow_pickle)


# What numpy and zipfile raise for files that are cut off, damaged or none of theirs.
_DAMAGED = (
    OSError, ValueError, EOFError, KeyError, TypeError, OverflowError, MemoryError, NotImplementedError, SyntaxError,
    RuntimeError, struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def read_npz(path: Path, cure: str = "delete it and resume the run") -> dict[str, np.ndarray]:
    """Read every array of an `.npz` file (never unpickling); HeatError where it is missing, cut off or damaged."""
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    except FileNotFoundError:
        raise HeatError(f"{printable(path)} is missing: start the run again to make it.") from None
    except PermissionError as error:
        raise no_permission(path, error) from error
    except (AttributeError, *_DAMAGED) as error:
        raise HeatError(f"{printable(path)} is cut off or damaged: {cure}.") from error
    seal = arrays.pop(_SEAL, None)
    if seal is not None and str(seal) != digest_of_arrays(arrays):
        raise HeatError(f"{printable(path)} is damaged, it is not what was written: {cure}.")
    return arrays


def digest_of_arrays(arrays: dict[str, np.ndarray], before: bytes = b"") -> str:
    """Of the names, types, shapes and contents of arrays, and of what stands `before` them."""
    digest = hashlib.blake2b(before, digest_size=16)
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        content = values.reshape(-1).view(np.uint8)
        for i in range(0, len(content), _LARGE):
            digest.update(content[i : i + _LARGE].data)
            let_go(arrays[name])
    return digest.hexdigest()


def let_go(column: object) -> None:
    """Give what was read of a large mapped file back to the system, which would count it as memory of this process."""
    if isinstance(column, np.memmap) and column.nbytes >= _LARGE and hasattr(mmap, "MADV_DONTNEED"):
        column._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


def digest_of_array(values: np.ndarray) -> str:
    """Of an array's type, shape and content."""
    return digest_of_arrays({"": np.asarray(values)})


def write_sealed(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object and a digest of it."""
    write_json(path, content | {_SEAL: _digest_of_json(content)})


def read_sealed(path: Path, cure: str) -> dict[str, Any]:
    """Read a JSON object that `write_sealed` wrote; one from before there were digests is taken as it is."""
    content = read_json(path, cure)
    if not isinstance(content, dict):
        raise HeatError(f"{printable(path)} must hold an object, so it is damaged: {cure}.")
    seal = content.pop(_SEAL, None)
    if seal is not None and seal != _digest_of_json(content):
        raise HeatError(f"{printable(path)} is damaged, it is not what was written: {cure}.")
    return content


def _digest_of_json(content: dict[str, Any]) -> str:
    """Of a JSON object's content."""
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).hexdigest()


def read_npy(path: Path, cure: str, mapped: bool = True) -> np.ndarray:
    """Read (or map) one `.npy` file; HeatError where it is missing, cut off or damaged, or holds Python objects."""
    try:
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except FileNotFoundError:
        raise HeatError(f"{printable(path)} is missing: {cure}.") from None
    except PermissionError as error:
        raise no_permission(path, error) from error
    except ValueError as error:
        if "Object arrays" in str(error) or "python objects" in str(error).lower():
            raise HeatError(
                f"{printable(path)} holds Python objects, which are never unpickled: save numbers instead (names of "
                "classes belong into meta.json as class_names)."
            ) from error
        raise HeatError(f"{printable(path)} is cut off or damaged: {cure}.") from error
    except _DAMAGED as error:
        raise HeatError(f"{printable(path)} is cut off or damaged: {cure}.") from error


def digest_of(path: Path) -> str:
    """Of a file's content."""
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


_LEFT = re.compile(r"(?:\..+\.(\d+)\.tmp|map-input-(\d+)\.npz|\.(?:new|gone)-(\d+)-.*)")
_A_DAY = 86_400.0


def sweep(*folders: Path) -> None:
    """Remove what killed processes left half-written in these folders: names that carry the number of one that is gone.

    To be called before this process writes anything there.
    """
    for folder in folders:
        for path in folder.glob("*") if folder.is_dir() else ():
            match = _LEFT.fullmatch(path.name)
            if match is None or not _is_gone(int(next(filter(None, match.groups()))), path):
                continue
            with suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _is_gone(pid: int, path: Path) -> bool:
    with suppress(OSError):
        if time.time() - path.stat().st_mtime > _A_DAY:
            return True
    if pid == os.getpid():
        return True  # an earlier process had this number
    if sys.platform == "win32":
        return False  # asking for a process there may end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; HeatError where that may not be known, False for names that none can have."""
    return _asked(path, stat.S_ISDIR)


def is_file(path: Path) -> bool:
    """The same of a file."""
    return _asked(path, stat.S_ISREG)


def _asked(path: Path, kind: Callable[[int], bool]) -> bool:
    try:
        return kind(path.stat().st_mode)
    except PermissionError as error:
        raise HeatError(
            f"{printable(path)} cannot be read ({error.strerror}): change the permissions of the folders above it."
        ) from error
    except (OSError, ValueError):
        return False


def locked(path: Path) -> bool:
    """Whether a process holds this lock now. It dies with its process, however that ends. Looking makes no file."""
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a lock that may not be written, in a read-only home: nobody works there
        return False


def printable(name: str | os.PathLike[str]) -> str:
    """A name as it can be printed, kept in JSON and sent to a browser: bytes that are not UTF-8, and characters that
    steer a terminal or turn the direction of writing, stand as escapes. Different names stay different."""
    text = os.fspath(name)
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _JOINERS else _escape(c) for c in text)


def no_formula(text: str) -> str:
    """Foreign text that a spreadsheet does not run: a formula begins with one of these, a space before it or not."""
    return f"'{text}" if text.lstrip(" ")[:1] in ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%") else text


_JOINERS = "\u200c\u200d"  # of scripts and emoji


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file's name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


_LONGEST = 100  # bytes of a name: two and their endings fit into the 255 that file systems allow


def file_name(text: str) -> str:
    """A dataset's or backbone's name as a folder name; a long one is cut and ends in a digest of the whole."""
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in text).strip(".-") or "unnamed"
    if len(name.encode()) <= _LONGEST:
        return name
    tail = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{name.encode()[: _LONGEST - 11].decode(errors='ignore')}-{tail}"
