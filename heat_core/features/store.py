"""Features on disk: what a folder of them holds, checked where it is opened.

What `extract` made carries a digest of every column: one flipped bit would otherwise be another verdict, without a
word. Folders that were made elsewhere have none; what can be wrong with them is said in terms of their own files.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.folder_scan import class_titles
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.storage import digest_of, printable, read_json, read_npy, read_sealed

META = "meta.json"
_MOST_CLASSES = 1_000_000  # that are counted up to the largest label


def load_features(folder: Path, columns: Sequence[str] = ()) -> Features:
    """Open a folder of features; the columns stay on disk until they are read.

    `avg.npy` (N, D) must be there; `std.npy` (N, D'), `labels.npy` (N,) int and `meta.json` (`ids`, `class_names`) may
    be. What `extract` made has all of them. `columns` names extra ones.

    Raises:
        HeatError: naming the file and what to do, where one is missing, damaged, or does not fit the others.
    """
    meta = _meta(folder)
    ours = "fingerprint" in meta
    cure = f"delete {printable(folder)} and run again" if ours else "save it again"
    arrays = {c: _column(folder / f"{c}.npy", cure) for c in ("avg", *columns)}
    optional = {c: folder / f"{c}.npy" for c in ("std", "labels")}
    std = _column(optional["std"], cure) if optional["std"].exists() else None
    labels = read_npy(optional["labels"], cure) if optional["labels"].exists() else None
    if meta.get("labelled") and labels is None:
        raise HeatError(f"{printable(optional['labels'])} is missing: {cure}.")
    digests = meta.get("digests") or {}
    if not isinstance(digests, dict):
        raise HeatError(f"{printable(folder / META)} is damaged: {cure}.")
    for name, digest in digests.items():
        path = folder / f"{name}.npy"
        if (name in arrays or name in optional) and path.exists() and digest_of(path) != digest:
            raise HeatError(f"{printable(path)} is damaged, it is not what was written: {cure}.")
    avg = arrays.pop("avg")
    every_class, numbers = _class_names(meta.get("class_names"), folder / META), list[int]()
    names = every_class
    if labels is not None:
        labels, numbers, classes = _present(labels, len(every_class), optional["labels"])
        if not every_class and classes > _MOST_CLASSES:  # labels are numbers of another kind: keys, hashes
            every_class, numbers = [str(c) for c in numbers], list(range(len(numbers)))
        every_class = every_class or [str(c) for c in range(classes)]
        names = [every_class[c] for c in numbers]
    _require_one_row_each(folder, avg, {"std": std, "labels": labels, **arrays}, cure)
    return Features(
        avg=avg,
        std=std,
        labels=labels,
        ids=_ids(meta.get("ids"), len(avg), folder),
        class_names=names,
        skipped=_texts(meta.get("skipped") or [], "skipped", folder / META),
        extra=arrays,
        folder=folder,
        numbers=numbers,
        every_class=every_class,
    )


def made_by(folder: Path) -> str | None:
    """Fingerprint of the backbone that extracted a folder of features; None where they were made elsewhere."""
    fingerprint = _meta(folder).get("fingerprint")
    return fingerprint.partition("-")[0] if isinstance(fingerprint, str) else None


def _meta(folder: Path) -> dict[str, Any]:
    path = folder / META
    cure = "mend it, or remove it"
    if not path.exists():
        return {}
    if not isinstance(read_json(path, cure), dict):
        raise HeatError(f"{printable(path)} must hold an object with `ids` and `class_names`: {cure}.")
    return read_sealed(path, cure)


def _column(path: Path, cure: str) -> np.ndarray:
    """(N, D) numbers, memory-mapped."""
    column = read_npy(path, cure)
    if column.ndim != 2 or not column.size or column.dtype.kind not in "fiu":
        raise HeatError(
            f"{printable(path)} must be a non-empty (N, D) array of numbers, not {column.dtype} {column.shape}: {cure}."
        )
    return column


def _require_one_row_each(folder: Path, avg: np.ndarray, others: Mapping[str, np.ndarray | None], cure: str) -> None:
    for name, column in others.items():
        if column is not None and len(column) != len(avg):
            raise HeatError(
                f"The columns of these features differ in length: {printable(folder / f'{name}.npy')} has "
                f"{len(column):,} rows and avg.npy {len(avg):,}: {cure}."
            )


def _present(labels: np.ndarray, named: int, path: Path) -> tuple[np.ndarray | None, list[int], int]:
    """Labels among the classes that have samples, their numbers (one class without any must not shift the others), and
    how many classes there are. All -1, a usual mark of OOD samples, is no labels."""
    labels = np.asarray(labels)
    if labels.dtype.kind in "fi" and labels.size and (labels == -1).all():
        return None, [], 0
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels) or labels.min() < 0:
        raise HeatError(
            f"{printable(path)} must hold whole numbers from 0, one a sample, not {labels.dtype} {labels.shape}"
            f"{' with negative ones' if labels.dtype.kind == 'i' and labels.min(initial=0) < 0 else ''}: save it again."
        )
    present = np.unique(labels)
    if named and present[-1] >= named:
        raise HeatError(
            f"{printable(path)} holds the class {present[-1]}, and {META} names only {named}: save them together."
        )
    return np.searchsorted(present, labels), present.tolist(), named or int(present[-1]) + 1


def _class_names(given: Any, path: Path) -> list[str]:
    """A list of names, or an object from number to name (`id2label`)."""
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
    return class_titles(_texts(given or [], "class_names", path))  # ImageNet has two cranes


def _ids(given: Any, n: int, folder: Path) -> list[str]:
    if not given:
        return [f"{printable(folder.name)}/{i:06d}" for i in range(n)]
    ids = _texts(given, "ids", folder / META)
    if len(ids) != n:
        raise HeatError(
            f"The columns of these features differ in length: {printable(folder / META)} has {len(ids)} ids for {n} "
            "rows of avg.npy: save them together."
        )
    if len(set(ids)) < n:
        raise HeatError(f"ids of {printable(folder / META)} must differ from one another: mend it.")
    return ids


def _texts(given: Any, key: str, path: Path) -> list[str]:
    """A list of texts; whole numbers (keys of a data base) count as texts."""
    if not isinstance(given, list) or not all(isinstance(x, str | int) and not isinstance(x, bool) for x in given):
        what = "a list" if not isinstance(given, list) else "texts or whole numbers, none of them null"
        raise HeatError(f"{key} of {printable(path)} must be {what}: mend it.")
    return [printable(str(x)) for x in given]
