"""Features of one data set by one backbone, as memory-mapped columns."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from heat_core.arrays import require_numbers, to_array
from heat_core.data.splits import held_out_rows, rank_in_class, require_positive
from heat_core.errors import HeatError
from heat_core.features.chunks import non_finite_rows

SECOND_ENCODER = "@b"  # ending of the columns of a second encoder, and of the priors that read them


@dataclass
class Features:
    """Features of the samples of a data set.

    Attributes:
        avg: (N, D) float16 or float32, input of the linear head.
        std: (N, D') std-pooled features, or None where features made elsewhere have none.
        labels: (N,) int class indices, or None where the set has no classes.
        ids: N stable sample ids.
        class_names: names of the classes by label.
        skipped: ids of images that could not be read.
        extra: (N, …) further columns that detectors requested, by name.
        folder: folder of the features on disk, or None.
        second_folder: folder of the second encoder's features on disk, or None.
        class_indices: indices of the classes that have samples, among those of the whole set.
        all_class_names: names of the whole set's classes, in order, since a head may have been made for all of them.

    Columns may be given as tensors of any device, labels also as a list.

    Raises:
        HeatError: where columns are no numbers, differ in length, or hold NaN or infinity.
    """

    avg: np.ndarray
    std: np.ndarray | None
    labels: np.ndarray | None
    ids: list[str]
    class_names: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    extra: dict[str, np.ndarray] = field(default_factory=dict)
    folder: Path | None = None
    second_folder: Path | None = None
    class_indices: list[int] = field(default_factory=list)
    all_class_names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.avg = require_numbers(self.avg, "avg", "(N, D)")
        self.std = None if self.std is None else require_numbers(self.std, "std", "(N, D')")
        self.labels = None if self.labels is None else _whole_numbers(require_numbers(self.labels, "labels", "(N,)"))
        self.extra = {name: to_array(column) for name, column in self.extra.items()}
        columns = {"avg": self.avg, **({} if self.std is None else {"std": self.std}), **self.extra}
        lengths = {*map(len, columns.values()), len(self.ids), *([] if self.labels is None else [len(self.labels)])}
        if len(lengths) != 1:
            raise HeatError(f"The columns of these features differ in length ({sorted(lengths)}): extract them again.")
        for name, column in columns.items():
            bad = non_finite_rows(column)
            if len(bad):
                raise HeatError(
                    f"{len(bad)} of {len(column)} images have NaN or infinite features in {name}, first "
                    f"{self.ids[bad[0]]}: extract them in float32, as on a CPU (CUDA_VISIBLE_DEVICES=), or remove the "
                    "image."
                )

    def __len__(self) -> int:
        return len(self.ids)

    def pooled_column(self, name: str) -> np.ndarray | None:
        """Return avg, std, or a column of the second encoder (`avg@b`, `std@b`); None where there is none."""
        return getattr(self, name) if name in ("avg", "std") else self.extra.get(name)

    def column(self, name: str) -> np.ndarray:
        """Return an extra column.

        Raises:
            HeatError: where these features were made without it.
        """
        if name not in self.extra:
            raise HeatError(f"These features have no column {name!r}: it is made from images, at extraction.")
        return self.extra[name]

    def required_labels(self, who: str) -> np.ndarray:
        """Return the (N,) labels.

        Args:
            who: subject of the error sentence, which needs the labels.

        Raises:
            HeatError: where there are no labels.
        """
        if self.labels is None:
            raise HeatError(f"{who} needs the label of every training sample: these features have none.")
        return self.labels

    def with_second_encoder(self, second: "Features") -> "Features":
        """Add the features of a second encoder, as columns `avg@b` and `std@b`.

        The classes and what a head reads stay those of the first.

        Raises:
            HeatError: where they are not of the same images.
        """
        if self.ids != second.ids:
            raise HeatError("Some images could be read by one encoder alone: they changed meanwhile, start again.")
        columns = {"avg": second.avg, **({} if second.std is None else {"std": second.std})}
        of_second = {f"{name}{SECOND_ENCODER}": values for name, values in columns.items()}
        return replace(self, extra=self.extra | of_second, second_folder=second.folder)

    def subset(self, rows: np.ndarray) -> "Features":
        """Select some rows, with their ids."""
        return replace(
            self,
            avg=self.avg[rows],
            std=None if self.std is None else self.std[rows],
            labels=None if self.labels is None else self.labels[rows],
            ids=[self.ids[i] for i in rows],
            extra={name: column[rows] for name, column in self.extra.items()},
        )

    def limited(self, per_class: int | None) -> "Features":
        """Select the first `per_class` samples of each class, or of the set where it has no classes."""
        if per_class is None:
            return self
        require_positive(per_class)
        return self.subset(np.flatnonzero(rank_in_class(self.labels, len(self)) < per_class))

    def subsample(self, share: float) -> "Features":
        """Select a share of each class, evenly spread over its samples, with at least its first sample."""
        if share == 1:
            return self
        rank = rank_in_class(self.labels, len(self))
        return self.subset(np.flatnonzero(np.ceil((rank + 1) * share) > np.ceil(rank * share)))

    def split(self, every: int = 5) -> tuple["Features", "Features"]:
        """Split into training and held-out features: one sample in `every` of each class is held out."""
        held_out = held_out_rows(self.labels, len(self), every)
        return self.subset(np.flatnonzero(~held_out)), self.subset(np.flatnonzero(held_out))


def _whole_numbers(labels: np.ndarray) -> np.ndarray:
    """Return labels as whole numbers."""
    if labels.dtype.kind in "iu":
        return labels
    whole = labels.astype(np.int64)
    if (whole != labels).any():
        raise HeatError(f"labels must be whole numbers, not {labels[whole != labels][0]}.")
    return whole
