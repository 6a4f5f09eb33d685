"""Features: the columns of one dataset through one backbone, memory-mapped."""

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
        skipped: ids of images that could not be read.
    """

    avg: np.ndarray
    std: np.ndarray
    labels: np.ndarray | None
    ids: list[str]
    class_names: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        lengths = {len(self.avg), len(self.std), len(self.ids)} | (
            {len(self.labels)} if self.labels is not None else set()
        )
        if len(lengths) != 1:
            raise HeatError(f"The columns of these features differ in length ({sorted(lengths)}): extract them again.")
        for name, column in (("avg", self.avg), ("std", self.std)):
            bad = np.flatnonzero(~np.isfinite(column).all(axis=1))
            if len(bad):
                raise HeatError(
                    f"{len(bad)} of {len(column)} images have NaN or infinite features in {name}, first "
                    f"{self.ids[bad[0]]}: extract them in float32, or remove the image."
                )

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def open(cls, folder: Path) -> "Features":
        """Open a finished features folder; the columns stay on disk until they are read."""
        meta = read_json(folder / "meta.json")
        try:
            columns = {c: np.load(folder / f"{c}.npy", mmap_mode="r", allow_pickle=False) for c in ("avg", "std")}
            labels = np.load(folder / "labels.npy", allow_pickle=False) if meta["labelled"] else None
        except (OSError, ValueError, EOFError) as error:
            raise HeatError(
                f"The features in {folder} are cut off or missing: delete that folder and run again."
            ) from error
        return cls(**columns, labels=labels, ids=meta["ids"], class_names=meta["class_names"], skipped=meta["skipped"])
