"""Where things live (HEAT_HOME) and how they are written: whole, or not at all."""

import json
import os
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from heat_core.errors import HeatError


def heat_home() -> Path:
    """The folder for data, features and runs: `$HEAT_HOME`, or `heat-explorer` in the user's cache."""
    if chosen := os.environ.get("HEAT_HOME"):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA", Path.home()))
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return cache / "heat-explorer"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failed write (a full disk, a read-only folder) into a sentence."""
    try:
        yield
    except OSError as error:
        raise HeatError(
            f"Could not write {path} ({error.strerror or error}): free some disk space, or point HEAT_HOME to "
            "another disk, then start again; whatever was finished is kept."
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
        beside.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    with replacing(path) as beside:
        beside.write_text(json.dumps(content, indent=1), encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file of ours; HeatError where it is missing or cut off."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HeatError(f"{path} is missing: this folder is not complete; delete it and start the run again.") from None
    except ValueError as error:
        raise HeatError(f"{path} is cut off or damaged: delete {path.parent} and start the run again.") from error


def write_npz(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with replacing(path) as beside, open(beside, "wb") as file:
        np.savez(file, **arrays)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Read every array of an `.npz` file (never unpickling); HeatError where it is missing or cut off."""
    try:
        with np.load(path, allow_pickle=False) as content:
            return {name: content[name] for name in content.files}
    except FileNotFoundError:
        raise HeatError(f"{path} is missing: start the run again to make it.") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise HeatError(f"{path} is cut off or damaged: delete it and resume the run.") from error


def locked(path: Path) -> bool:
    """Whether a process holds this lock now. It dies with its process, however that ends."""
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True


def file_name(text: str) -> str:
    """A dataset's or backbone's name as a folder name."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in text).strip(".-") or "unnamed"
