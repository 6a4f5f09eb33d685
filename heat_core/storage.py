"""Files of HEAT Explorer: the folder HEAT_HOME, atomic writes, and reads whose errors name a remedy."""

import errno
import json
import os
import re
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
    """Replace `~` and `~user` at the start of a path by the home folder; leave the path as it is if there is none."""
    return Path(os.path.expanduser(path))


def heat_home() -> Path:
    """Return the folder for data, features and runs: `$HEAT_HOME`, or `heat-explorer` in the user's cache."""
    if chosen := os.environ.get("HEAT_HOME"):
        return expand_home(chosen)
    if sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA", Path.home()))
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "heat-explorer"


_HOME_PREFIX = "$HEAT_HOME/"  # stands in files for the path of HEAT_HOME, which may be moved or mounted elsewhere
_JOBS = ("runs", "studies")  # folders of HEAT_HOME that hold the folders of jobs
_BACKBONE_KIND = re.compile("^(?:torch|hf):")  # before the path of a backbone's file


def to_stored_path(source: str | os.PathLike[str]) -> str:
    """Write a path, or a backbone such as `torch:FILE`, for a file: of what lies in HEAT_HOME the part below it."""
    text = os.fspath(source)
    path = _BACKBONE_KIND.sub("", text)
    kind, home = text.removesuffix(path), os.path.abspath(heat_home())
    for start in (os.path.join(home, ""), os.path.join(os.path.realpath(home), "")):
        if path.startswith(start):
            return kind + _HOME_PREFIX + path.removeprefix(start).replace(os.sep, "/")
    return kind + path


def from_stored_path(text: str, folder: Path | None = None) -> str:
    """Return the present path for a text of `to_stored_path`; names that are no absolute paths stay.

    An absolute path, as older versions stored it, that no longer exists is looked for with the same last parts below
    HEAT_HOME.

    Args:
        text: the stored text.
        folder: folder of the file that holds the text. The HEAT_HOME in which it lies comes before the present one.
    """
    path = _BACKBONE_KIND.sub("", text)
    kind = text.removesuffix(path)
    parents = Path(os.path.abspath(folder)).parents if folder else ()
    homes = [parent.parent for parent in parents if parent.name in _JOBS]
    homes.append(Path(os.path.abspath(heat_home())))
    if path.startswith(_HOME_PREFIX):
        tails = [path.removeprefix(_HOME_PREFIX)]
        path = os.path.join(homes[0], tails[0])
    elif os.path.isabs(path) and not os.path.exists(path):
        parts = Path(path).parts
        tails = [os.path.join(*parts[i:]) for i in range(1, len(parts) - 1)]
    else:
        return text
    candidates = (os.path.join(home, tail) for home in homes for tail in tails)
    return kind + next(filter(os.path.exists, candidates), path)


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder; False for a name that no folder can have.

    Raises:
        HeatError: if a folder above the path may not be read.
    """
    return _has_type(path, stat.S_ISDIR)


def is_file(path: Path) -> bool:
    """Return whether a path is a file; False for a name that no file can have.

    Raises:
        HeatError: if a folder above the path may not be read.
    """
    return _has_type(path, stat.S_ISREG)


def resolve_links(path: Path) -> Path:
    """Make a path absolute without links in it; a file that is itself a link keeps its name and its folder.

    The name of a list or of weights tells their format, and the images of a list lie beside the link.
    """
    return path.parent.resolve() / path.name if is_file(path) else path.resolve()


def _has_type(path: Path, is_type: Callable[[int], bool]) -> bool:
    try:
        return is_type(path.stat().st_mode)
    except PermissionError as error:
        raise HeatError(
            f"{printable(path)} cannot be read ({error.strerror}): change the permissions of the folders above it."
        ) from error
    except (OSError, ValueError):
        return False


_OBSTRUCTED = errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY
_REMEDIES = (  # (error numbers, remedy)
    ((errno.ENOSPC, errno.EDQUOT), "free some disk space, or point HEAT_HOME to another disk"),
    ((errno.EACCES, errno.EPERM, errno.EROFS), "change its permissions, or point HEAT_HOME to a folder of your own"),
    ((errno.ENAMETOOLONG,), "choose a shorter name"),
    (_OBSTRUCTED, "something else of that name is in the way, move it"),
    ((errno.EMFILE, errno.ENFILE), "too many files are open, close other programs"),
)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an OSError of the block, such as a full disk, into a HeatError that names the cause and the remedy.

    Args:
        path: file or folder that the error names.

    Raises:
        HeatError: if the block raises an OSError.
    """
    try:
        yield
    except OSError as error:
        usual = "look at the disk, or point HEAT_HOME to another"
        remedy = next((remedy for codes, remedy in _REMEDIES if error.errno in codes), usual)
        raise HeatError(
            f"Could not write {printable(path)} ({error.strerror or error}): {remedy}, then start again; whatever was "
            "finished is kept."
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, and rename it to `path` when the block ends without an error.

    Raises:
        HeatError: if the file cannot be written.
    """
    temp_path = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temp_path
            os.replace(temp_path, path)
    finally:
        with suppress(OSError):  # the folder may be read-only
            temp_path.unlink(missing_ok=True)


_DIGEST = "digest"  # key in an .npz file or JSON object that holds the digest of all its other content


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all."""
    with replacing(path) as temp_path:
        temp_path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def read_json(path: Path, remedy: str = "delete it and start the run again") -> Any:
    """Read a JSON file.

    Args:
        path: path of the file.
        remedy: end of the error message if the file is missing or damaged.

    Raises:
        HeatError: if the file is missing, damaged, or may not be read.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HeatError(f"{printable(path)} is missing: {remedy}.") from None
    except PermissionError as error:
        raise permission_error(path, error) from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise HeatError(f"{printable(path)} is damaged, it is not valid JSON at {where}: {remedy}.") from error
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise HeatError(f"{printable(path)} is damaged or cannot be read ({why}): {remedy}.") from error


def write_checked_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON object together with its digest, whole or not at all."""
    write_json(path, content | {_DIGEST: digest_of_json(content)})


def read_checked_json(path: Path, remedy: str) -> dict[str, Any]:
    """Read a JSON object and check its digest; an object without a digest is not checked.

    Args:
        path: path of the file.
        remedy: end of the error message if the file is missing or damaged.

    Raises:
        HeatError: if the file is missing, damaged, may not be read, or does not match its digest.
    """
    content = read_json(path, remedy)
    if not isinstance(content, dict):
        raise HeatError(f"{printable(path)} must hold an object, so it is damaged: {remedy}.")
    digest = content.pop(_DIGEST, None)
    if digest is not None and digest != digest_of_json(content):
        raise HeatError(f"{printable(path)} is damaged, it is not what was written: {remedy}.")
    return content


def permission_error(path: Path, error: OSError) -> HeatError:
    """Return the error for a file that this user may not read."""
    return HeatError(f"{printable(path)} cannot be read ({error.strerror}): change its permissions.")


# numpy and zipfile raise these for files that are cut off, damaged or of another format.
_DAMAGED = (
    *(OSError, ValueError, EOFError, KeyError, TypeError, OverflowError, MemoryError),
    *(NotImplementedError, SyntaxError, RuntimeError, struct.error, zipfile.BadZipFile, zlib.error),
)


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write arrays together with their digest as an `.npz` file, whole or not at all."""
    arrays = {name: np.asarray(values) for name, values in arrays.items() if name != _DIGEST}
    arrays[_DIGEST] = np.array(digest_of_arrays(arrays))
    with replacing(path) as temp_path, open(temp_path, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub confuses a name with `allow_pickle`


def read_npz(path: Path, remedy: str = "delete it and resume the run") -> dict[str, np.ndarray]:
    """Read every array of an `.npz` file, without unpickling, and check the digest if there is one.

    Args:
        path: path of the file.
        remedy: end of the error message if the file is damaged.

    Raises:
        HeatError: if the file is missing, cut off, damaged, or may not be read.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
    except FileNotFoundError:
        raise HeatError(f"{printable(path)} is missing: start the run again to make it.") from None
    except PermissionError as error:
        raise permission_error(path, error) from error
    except (AttributeError, *_DAMAGED) as error:
        raise HeatError(f"{printable(path)} is cut off or damaged: {remedy}.") from error
    digest = arrays.pop(_DIGEST, None)
    if digest is not None and str(digest) != digest_of_arrays(arrays):
        raise HeatError(f"{printable(path)} is damaged, it is not what was written: {remedy}.")
    return arrays


def read_npy(path: Path, remedy: str, mapped: bool = True) -> np.ndarray:
    """Read or map one `.npy` file, without unpickling.

    Args:
        path: path of the file.
        remedy: end of the error message if the file is missing or damaged.
        mapped: whether the file is mapped into memory read-only; otherwise it is read whole.

    Raises:
        HeatError: if the file is missing, cut off, damaged, holds Python objects, or may not be read.
    """
    try:
        return np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except FileNotFoundError:
        raise HeatError(f"{printable(path)} is missing: {remedy}.") from None
    except PermissionError as error:
        raise permission_error(path, error) from error
    except ValueError as error:
        if "Object arrays" in str(error) or "python objects" in str(error).lower():
            raise HeatError(
                f"{printable(path)} holds Python objects, which are never unpickled: save numbers instead (names of "
                "classes belong into meta.json as class_names)."
            ) from error
        raise HeatError(f"{printable(path)} is cut off or damaged: {remedy}.") from error
    except _DAMAGED as error:
        raise HeatError(f"{printable(path)} is cut off or damaged: {remedy}.") from error
