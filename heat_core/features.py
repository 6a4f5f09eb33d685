"""Features: the columns of one dataset through one backbone, memory-mapped."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from heat_core.errors import HeatError
from heat_core.storage import read_json


@dataclass
class Features:
    """What a backbone made of a dataset.

    Attributes:
        avg: (N, D) and std: (N, D'), float16 or float32. labels: (N,) int, or None. ids: N stable sample ids.
        skipped: ids of images that could not be read. extra: (N, …) columns that detectors asked for, by name.
    """

    avg: np.ndarray
    std: np.ndarray
    labels: np.ndarray | None
    ids: list[str]
    class_names: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    extra: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = [self.avg, self.std, self.ids, *self.extra.values()]
        lengths = {len(c) for c in columns + ([] if self.labels is None else [self.labels])}
        if len(lengths) != 1:
            raise HeatError(f"The columns of these features differ in length ({sorted(lengths)}): extract them again.")
        for name, column in {"avg": self.avg, "std": self.std, **self.extra}.items():
            bad = np.flatnonzero(~np.isfinite(column).all(axis=1))
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

    @classmethod
    def open(cls, folder: Path, columns: Sequence[str] = ("avg", "std")) -> "Features":
        """Open a finished features folder; the columns stay on disk until they are read."""
        meta = read_json(folder / "meta.json")
        try:
            names = dict.fromkeys(("avg", "std", *columns))
            arrays = {c: np.load(folder / f"{c}.npy", mmap_mode="r", allow_pickle=False) for c in names}
            labels = np.load(folder / "labels.npy", allow_pickle=False) if meta["labelled"] else None
        except (OSError, ValueError, EOFError) as error:
            raise HeatError(
                f"The features in {folder} are cut off or missing: delete that folder and run again."
            ) from error
        avg, std = arrays.pop("avg"), arrays.pop("std")
        return cls(avg, std, labels, meta["ids"], meta["class_names"], meta["skipped"], extra=arrays)
