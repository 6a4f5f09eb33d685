"""Selections of samples, stored in the run's folder under a short name, so that a link can refer to a large one."""

import re
from pathlib import Path

import numpy as np

from heat_core.digests import digest_of_bytes
from heat_core.errors import HeatError
from heat_core.storage import read_npy, replacing

_FOLDER = "selections"


def save_selection(folder: Path, numbers: np.ndarray) -> str:
    """Write the sorted sample numbers of a selection.

    Returns:
        The selection's name, a digest of the numbers alone.

    Raises:
        HeatError: where the run is gone.
    """
    numbers = np.sort(np.asarray(numbers, dtype=np.uint32))
    name = _name_of(numbers)
    path = folder / _FOLDER / f"{name}.npy"
    if not folder.is_dir():
        raise HeatError("This run was deleted: the selection could not be kept.")
    if not path.exists():
        with replacing(path) as temp_path, open(temp_path, "wb") as file:
            np.save(file, numbers)
    return name


def load_selection(folder: Path, name: str) -> np.ndarray:
    """Read the sample numbers of a selection.

    Raises:
        HeatError: where the run has no such selection, or its file is damaged.
    """
    path = folder / _FOLDER / f"{name}.npy"
    if not re.fullmatch(r"[0-9a-f]{12}", name) or not path.exists():
        raise HeatError(f"This run has no selection {name!r}: it may have been made on another machine.")
    numbers = read_npy(path, "make the selection again", mapped=False)
    if numbers.ndim != 1 or numbers.dtype != np.uint32 or _name_of(numbers) != name:
        raise HeatError(f"{path} is damaged: make the selection again.")
    return numbers.astype(np.int64)


def _name_of(numbers: np.ndarray) -> str:
    return digest_of_bytes(numbers.tobytes(), length=12)
