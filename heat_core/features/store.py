"""Reading of folders of features, with checks of their files.

Folders that `extract` made hold a digest of every column, since a single changed bit could change a verdict unnoticed.
Folders that were made elsewhere have no digests; errors about them refer to their own files.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.folder_scan import normalise_class_names
from heat_core.digests import digest_of_file
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.names import printable
from heat_core.storage import read_checked_json, read_json, read_npy

META = "meta.json"
_MAX_UNNAMED_CLASSES = 1_000_000  # largest label up to which all classes are numbered


def load_features(folder: Path, columns: Sequence[str] = ()) -> Features:
    """Open a folder of features; the columns stay on disk until they are read.

    `avg.npy` (N, D) is required; `std.npy` (N, D'), `labels.npy` (N,) int and `meta.json` (`ids`, `class_names`) are
    optional. Folders that `extract` made have a `meta.json`, and the others where the network and the set allow it.

    Args:
        folder: the folder.
        columns: names of extra columns to open.

    Raises:
        HeatError: naming the file and the remedy, where one is missing, damaged, or does not fit the others.
    """
    meta = _read_meta(folder)
    cure = f"delete {printable(folder)} and run again" if "fingerprint" in meta else "save it again"
    arrays = {name: _read_column(folder / f"{name}.npy", cure) for name in ("avg", *columns)}
    std_path, labels_path = folder / "std.npy", folder / "labels.npy"
    std = _read_column(std_path, cure) if std_path.exists() else None
    labels = read_npy(labels_path, cure) if labels_path.exists() else None
    if meta.get("labelled") and labels is None:
        raise HeatError(f"{printable(labels_path)} is missing: {cure}.")
    _verify_digests(folder, meta, {*arrays, "std", "labels"}, cure)
    all_class_names, class_indices = _class_names(meta.get("class_names"), folder), list[int]()
    class_names = all_class_names
    if labels is not None:
        labels, class_indices, all_class_names = _relabel(labels, all_class_names, labels_path)
        class_names = [all_class_names[c] for c in class_indices]
    avg = arrays.pop("avg")
    _require_one_row_each(folder, avg, {"std": std, "labels": labels, **arrays}, cure)
    return Features(
        avg=avg,
        std=std,
        labels=labels,
        ids=_sample_ids(meta.get("ids"), len(avg), folder),
        class_names=class_names,
        skipped=_validate_texts(meta.get("skipped") or [], "skipped", folder / META),
        extra=arrays,
        folder=folder,
        class_indices=class_indices,
        all_class_names=all_class_names,
    )


def backbone_fingerprint(folder: Path) -> str | None:
    """Read the fingerprint of the backbone that extracted a folder of features; None where they were made elsewhere."""
    fingerprint = _read_meta(folder).get("fingerprint")
    return fingerprint.partition("-")[0] if isinstance(fingerprint, str) else None


def _read_meta(folder: Path) -> dict[str, Any]:
    path = folder / META
    cure = "mend it, or remove it"
    if not path.exists():
        return {}
    if not isinstance(read_json(path, cure), dict):
        raise HeatError(f"{printable(path)} must hold an object with `ids` and `class_names`: {cure}.")
    return read_checked_json(path, cure)


def _read_column(path: Path, cure: str) -> np.ndarray:
    """Open (N, D) numbers, memory-mapped."""
    column = read_npy(path, cure)
    if column.ndim != 2 or not column.size or column.dtype.kind not in "fiu":
        raise HeatError(
            f"{printable(path)} must be a non-empty (N, D) array of numbers, not {column.dtype} {column.shape}: {cure}."
        )
    return column


def _verify_digests(folder: Path, meta: dict[str, Any], names: set[str], cure: str) -> None:
    """Refuse columns whose digest differs from the stored one."""
    digests = meta.get("digests") or {}
    if not isinstance(digests, dict):
        raise HeatError(f"{printable(folder / META)} is damaged: {cure}.")
    for name, digest in digests.items():
        path = folder / f"{name}.npy"
        if name in names and path.exists() and digest_of_file(path) != digest:
            raise HeatError(f"{printable(path)} is damaged, it is not what was written: {cure}.")


def _require_one_row_each(folder: Path, avg: np.ndarray, others: Mapping[str, np.ndarray | None], cure: str) -> None:
    for name, column in others.items():
        if column is not None and len(column) != len(avg):
            raise HeatError(
                f"The columns of these features differ in length: {printable(folder / f'{name}.npy')} has "
                f"{len(column):,} rows and avg.npy {len(avg):,}: {cure}."
            )


def _relabel(labels: np.ndarray, names: list[str], path: Path) -> tuple[np.ndarray | None, list[int], list[str]]:
    """Renumber labels among the classes that have samples, so that a class without any does not shift the others.

    Labels that are all -1, a usual mark of OOD samples, count as no labels.

    Returns:
        Labels, the indices of the classes that have samples, and the names of all classes.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind in "fi" and labels.size and (labels == -1).all():
        return None, [], names
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels) or labels.min() < 0:
        raise HeatError(
            f"{printable(path)} must hold whole numbers from 0, one a sample, not {labels.dtype} {labels.shape}"
            f"{' with negative ones' if labels.dtype.kind == 'i' and labels.min(initial=0) < 0 else ''}: save it again."
        )
    present = np.unique(labels)
    if names and present[-1] >= len(names):
        raise HeatError(
            f"{printable(path)} holds the class {present[-1]}, and {META} names only {len(names)}: save them together."
        )
    indices, labels = present.tolist(), np.searchsorted(present, labels)
    if names:
        return labels, indices, names
    if indices[-1] >= _MAX_UNNAMED_CLASSES:  # such labels are probably keys or hashes
        return labels, list(range(len(indices))), [str(c) for c in indices]
    return labels, indices, [str(c) for c in range(indices[-1] + 1)]


def _class_names(given: Any, folder: Path) -> list[str]:
    """Read class names given as a list, or as an object from number to name (`id2label`)."""
    path = folder / META
    if isinstance(given, dict):
        try:
            by_number = {int(number): name for number, name in given.items()}
        except ValueError:
            raise HeatError(
                f"class_names of {printable(path)} must be a list, or an object from number to name: mend it."
            ) from None
        if sorted(by_number) != list(range(len(by_number))):
            raise HeatError(f"class_names of {printable(path)} must number the classes from 0 without gaps: mend it.")
        given = [by_number[i] for i in range(len(by_number))]
    return normalise_class_names(_validate_texts(given or [], "class_names", path))  # ImageNet has two classes "crane"


def _sample_ids(given: Any, n: int, folder: Path) -> list[str]:
    if not given:
        return [f"{printable(folder.name)}/{i:06d}" for i in range(n)]
    ids = _validate_texts(given, "ids", folder / META)
    if len(ids) != n:
        raise HeatError(
            f"The columns of these features differ in length: {printable(folder / META)} has {len(ids)} ids for {n} "
            "rows of avg.npy: save them together."
        )
    if len(set(ids)) < n:
        raise HeatError(f"ids of {printable(folder / META)} must differ from one another: mend it.")
    return ids


def _validate_texts(given: Any, key: str, path: Path) -> list[str]:
    """Return a list of texts; whole numbers (such as keys of a database) are converted to texts."""
    if not isinstance(given, list) or not all(isinstance(x, str | int) and not isinstance(x, bool) for x in given):
        what = "a list" if not isinstance(given, list) else "texts or whole numbers, none of them null"
        raise HeatError(f"{key} of {printable(path)} must be {what}: mend it.")
    return [printable(str(x)) for x in given]
