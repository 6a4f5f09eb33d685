"""Features: the columns of one dataset through one backbone, memory-mapped."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from heat_core.errors import HeatError
from heat_core.storage import read_json

_BLOCK = 4096  # rows that are checked at a time


@dataclass
class Features:
    """What a backbone made of a dataset.

    Attributes:
        avg: (N, D), float16 or float32. std: (N, D'), or None where features made elsewhere have none. labels: (N,)
        int, or None. ids: N stable sample ids. skipped: ids of images that could not be read. extra: (N, …) columns
        that detectors asked for, by name. folder: where they lie on disk, or None. numbers: of the classes that have
        samples, among `classes` in the whole set: the rows of a head that was made for all of them.
    """

    avg: np.ndarray
    std: np.ndarray | None
    labels: np.ndarray | None
    ids: list[str]
    class_names: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    extra: dict[str, np.ndarray] = field(default_factory=dict)
    folder: Path | None = None
    numbers: list[int] = field(default_factory=list)
    classes: int = 0

    def __post_init__(self) -> None:
        columns = {"avg": self.avg, "std": self.std, **self.extra}
        columns = {name: column for name, column in columns.items() if column is not None}
        everything = [*columns.values(), self.ids, *([] if self.labels is None else [self.labels])]
        lengths = {len(c) for c in everything}
        if len(lengths) != 1:
            raise HeatError(f"The columns of these features differ in length ({sorted(lengths)}): extract them again.")
        for name, column in columns.items():
            bad = _rows_not_finite(column)
            if len(bad):
                raise HeatError(
                    f"{len(bad)} of {len(column)} images have NaN or infinite features in {name}, first "
                    f"{self.ids[bad[0]]}: extract them in float32, or remove the image."
                )

    def __len__(self) -> int:
        return len(self.ids)

    def column(self, name: str) -> np.ndarray:
        """An extra column; HeatError where these features were made without it."""
        if name not in self.extra:
            raise HeatError(f"These features have no column {name!r}: it is made from images, at extraction.")
        return self.extra[name]

    def subset(self, rows: np.ndarray) -> "Features":
        """The same samples under the same ids, fewer of them."""
        return replace(
            self, avg=self.avg[rows], std=None if self.std is None else self.std[rows],
            labels=None if self.labels is None else self.labels[rows], ids=[self.ids[i] for i in rows],
            extra={name: column[rows] for name, column in self.extra.items()},
        )  # fmt: skip

    def limited(self, per_class: int | None) -> "Features":
        """The first `per_class` samples of each class (of the set, where it has no classes)."""
        if per_class is None:
            return self
        require_positive(per_class)
        return self.subset(np.flatnonzero(rank_in_class(self.labels, len(self)) < per_class))

    def split(self, every: int = 5) -> tuple["Features", "Features"]:
        """(training, held-out) share: every fifth sample of each class is held out."""
        held_out = held_out_rows(self.labels, len(self), every)
        return self.subset(np.flatnonzero(~held_out)), self.subset(np.flatnonzero(held_out))

    @classmethod
    def open(cls, folder: Path, columns: Sequence[str] = ()) -> "Features":
        """Open a folder of features; the columns stay on disk until they are read.

        `avg.npy` (N, D) must be there; `std.npy` (N, D'), `labels.npy` (N,) int and `meta.json` (`ids`, `class_names`)
        may be. What `extract` made has all of them. `columns` names extra ones.
        """
        meta = read_json(folder / "meta.json") if (folder / "meta.json").exists() else {}
        if not isinstance(meta, dict):
            raise HeatError(f"{folder / 'meta.json'} must hold an object with `ids` and `class_names`.")
        try:
            arrays = {c: np.load(folder / f"{c}.npy", mmap_mode="r", allow_pickle=False) for c in ("avg", *columns)}
            optional = {c: folder / f"{c}.npy" for c in ("std", "labels")}
            optional = {c: np.load(f, mmap_mode="r", allow_pickle=False) for c, f in optional.items() if f.exists()}
        except (OSError, ValueError, EOFError) as error:
            raise HeatError(
                f"The features in {folder} are cut off or missing: delete that folder and run again."
            ) from error
        avg, labels = arrays.pop("avg"), optional.get("labels")
        if meta.get("labelled") and labels is None:
            raise HeatError(f"The features in {folder} miss their labels.npy: delete that folder and run again.")
        for name, column in {"avg": avg, **({"std": optional["std"]} if "std" in optional else {})}.items():
            if column.ndim != 2 or not column.size or not np.issubdtype(column.dtype, np.number):
                raise HeatError(
                    f"{folder / name}.npy must be a non-empty (N, D) array of numbers, not {column.dtype} {column.shape}."
                )
        names, numbers = list(meta.get("class_names") or []), []
        classes = len(names)
        if labels is not None:
            labels, numbers = _present(np.asarray(labels), classes, folder / "labels.npy")
            classes = classes or numbers[-1] + 1
            names = [names[c] if names else str(c) for c in numbers]
        ids = meta.get("ids") or [f"{folder.name}/{i:06d}" for i in range(len(avg))]
        return cls(
            avg, optional.get("std"), labels, ids, names, meta.get("skipped", []), arrays, folder, numbers, classes
        )


def _present(labels: np.ndarray, named: int, path: Path) -> tuple[np.ndarray, list[int]]:
    """Labels among the classes that have samples, and the numbers of those: one without any must not shift the others."""
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer) or labels.min(initial=0) < 0:
        raise HeatError(f"{path} must hold whole numbers from 0, one a sample, not {labels.dtype} {labels.shape}.")
    present = np.unique(labels)
    if named and present[-1] >= named:
        raise HeatError(f"{path} holds the class {present[-1]}, and meta.json names only {named}.")
    return np.searchsorted(present, labels), present.tolist()


def is_features_folder(folder: Path) -> bool:
    """Whether a folder holds features instead of images."""
    return (folder / "avg.npy").is_file()


def rank_in_class(labels: np.ndarray | None, n: int) -> np.ndarray:
    """(n,) the how-manieth of its class each sample is, from 0; of the whole set where there are no labels."""
    labels = np.zeros(n, int) if labels is None else labels
    rank = np.empty(n, int)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = np.arange(len(members))
    return rank


def require_positive(per_class: int) -> None:
    if per_class < 1:
        raise HeatError(f"The limit per class must be at least 1, not {per_class}.")


def held_out_rows(labels: np.ndarray | None, n: int, every: int) -> np.ndarray:
    """(n,) True for every `every`-th sample of each class; HeatError where no class has that many."""
    held_out = rank_in_class(labels, n) % every == every - 1
    if not held_out.any():
        raise HeatError(f"No class has {every} samples of which one could be held out: give an ID test set.")
    return held_out


def _rows_not_finite(column: np.ndarray) -> np.ndarray:
    """Indices of rows with NaN or infinity, block by block: the column may be larger than the memory."""
    blocks = range(0, len(column), _BLOCK)
    return np.concatenate([
        np.flatnonzero(~np.isfinite(column[i : i + _BLOCK]).reshape(len(column[i : i + _BLOCK]), -1).all(axis=1)) + i
        for i in blocks
    ] or [np.empty(0, int)])  # fmt: skip
