"""HEAT_HOME, and how files are written there: whole, or not at all; and read with errors that say what to do."""

import errno
import json
import os
import stat
import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.digests import digest_of_arrays, digest_of_json
from heat_core.errors import HeatError
from heat_core.names import printable


def expand_home(path: str | os.PathLike[str]) -> Path:
    """A path with `~` and `~somebody` replaced by those home folders, where there are such."""
    return Path(os.path.expanduser(path))


def heat_home() -> Path:
    """The folder for data, features and runs: `$HEAT_HOME`, or `heat-explorer` in the user's cache."""
    if chosen := os.environ.get("HEAT_HOME"):
        return expand_home(chosen)
    if sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA", Path.home()))
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "heat-explorer"


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; HeatError where that may not be known, False for names that none can have."""
    return _has_type(path, stat.S_ISDIR)


def is_file(path: Path) -> bool:
    """Whether a path is a file; HeatError and False as for `is_folder`."""
    return _has_type(path, stat.S_ISREG)


def _has_type(path: Path, is_type: Callable[[int], bool]) -> bool:
    try:
        return is_type(path.stat().st_mode)
    except PermissionError as error:
        raise HeatError(
            f"{printable(path)} cannot be read ({error.strerror}): change the permissions of the folders above it."
        ) from error
    except (OSError, ValueError):
        return False


_IN_THE_WAY = errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY
_CURES = (
    ((errno.ENOSPC, errno.EDQUOT), "free some disk space, or point HEAT_HOME to another disk"),
    ((errno.EACCES, errno.EPERM, errno.EROFS), "change its permissions, or point HEAT_HOME to a folder of your own"),
    ((errno.ENAMETOOLONG,), "choose a shorter name"),
    (_IN_THE_WAY, "something else of that name is in the way, move it"),
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
    """Yield a temporary path to write to; it becomes `path` only when the block ends without an error."""
    temp_path = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temp_path
            os.replace(temp_path, path)
    finally:
        with suppress(OSError):  # its folder may be what cannot be written
            temp_path.unlink(missing_ok=True)


_DIGEST = "digest"  # key of an .npz file or JSON object: digest of everything else in it


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file."""
    with replacing(path) as temp_path:
        temp_path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def read_json(path: Path, cure: str = "delete it and start the run again") -> Any:
    """Read a JSON file; HeatError where it is missing or damaged, which ends in the cure."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HeatError(f"{printable(path)} is missing: {cure}.") from None
    except PermissionError as error:
        raise permission_error(path, error) from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise HeatError(f"{printable(path)} is damaged, it is not valid JSON at {where}: {cure}.") from error
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise HeatError(f"{printable(path)} is damaged or cannot be read ({why}): {cure}.") from error


def write_checked_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object and a digest of it."""
    write_json(path, content | {_DIGEST: digest_of_json(content)})


def read_checked_json(path: Path, cure: str) -> dict[str, Any]:
    """Read a JSON object and check its digest; one that was written without a digest is taken as it is."""
    content = read_json(path, cure)
    if not isinstance(content, dict):
        raise HeatError(f"{printable(path)} must hold an object, so it is damaged: {cure}.")
    digest = content.pop(_DIGEST, None)
    if digest is not None and digest != digest_of_json(content):
        raise HeatError(f"{printable(path)} is damaged, it is not what was written: {cure}.")
    return content


def permission_error(path: Path, error: OSError) -> HeatError:
    """The error of a file that may be whole, but may not be read."""
    return HeatError(f"{printable(path)} cannot be read ({error.strerror}): change its permissions.")


# What numpy and zipfile raise for files that are cut off, damaged or none of theirs.
_DAMAGED = (
    *(OSError, ValueError, EOFError, KeyError, TypeError, OverflowError, MemoryError),
    *(NotImplementedError, SyntaxError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error),
)


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays and a digest of them, whole or not at all."""
    arrays = {name: np.asarray(values) for name, values in arrays.items() if name != _DIGEST}
    arrays[_DIGEST] = np.array(digest_of_arrays(arrays))
    with replacing(path) as temp_path, open(temp_path, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # (numpy's stub takes a name for allow_pickle)


def read_npz(path: Path, cure: str = "delete it and resume the run") -> dict[str, np.ndarray]:
    """Read every array of an `.npz` file (never unpickling); HeatError where it is missing, cut off or damaged."""
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    except FileNotFoundError:
        raise HeatError(f"{printable(path)} is missing: start the run again to make it.") from None
    except PermissionError as error:
        raise permission_error(path, error) from error
    except (AttributeError, *_DAMAGED) as error:
        raise HeatError(f"{printable(path)} is cut off or damaged: {cure}.") from error
    digest = arrays.pop(_DIGEST, None)
    if digest is not None and str(digest) != digest_of_arrays(arrays):
        raise HeatError(f"{printable(path)} is damaged, it is not what was written: {cure}.")
    return arrays


def read_npy(path: Path, cure: str, mapped: bool = True) -> np.ndarray:
    """Read (or map) one `.npy` file; HeatError where it is missing, cut off or damaged, or holds Python objects."""
    try:
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except FileNotFoundError:
        raise HeatError(f"{printable(path)} is missing: {cure}.") from None
    except PermissionError as error:
        raise permission_error(path, error) from error
    except ValueError as error:
        if "Object arrays" in str(error) or "python objects" in str(error).lower():
            raise HeatError(
                f"{printable(path)} holds Python objects, which are never unpickled: save numbers instead (names of "
                "classes belong into meta.json as class_names)."
            ) from error
        raise HeatError(f"{printable(path)} is cut off or damaged: {cure}.") from error
    except _DAMAGED as error:
        raise HeatError(f"{printable(path)} is cut off or damaged: {cure}.") from error
