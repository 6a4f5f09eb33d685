"""New images scored by a run: `scored.npz`, written and read with numpy alone."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from heat_core.composition import PLAIN, Lens, Scale
from heat_core.data.image_location import ImageLocation
from heat_core.errors import HeatError
from heat_core.runs.metadata_columns import Columns, are_valid, from_arrays, to_arrays
from heat_core.runs.results_file import FORMAT, require_format
from heat_core.runs.set_record import SetRecord
from heat_core.storage import from_stored_path, read_npz, to_stored_path, write_npz

SCORED = "scored.npz"
_SKIPPED = "skipped-"  # prefix of the keys of the columns of files that could not be read


@dataclass(frozen=True)
class ScoredImages:
    """Scores, features and metadata of new images.

    Attributes:
        ids: (N,) file names.
        prior: (N, K) E_q / T, in the order of `run.priors`.
        residual: (N, K) E_θ, in the same order.
        predicted: (N,) predicted class indices.
        confidence: (N,) softmax probability of the predicted class.
        avg: (N, D) features.
        xy: (N, 2) positions on the run's map; (0, 2) where it has none.
        skipped: names of files that could not be read.
        files: (N,) paths of the files; (0,) where the ids are the paths, in files of older versions.
        boxes: (N, 4) x, y, w, h in pixels of crops, NaN for whole files; (0, 4) where all are whole.
        columns: name → (N,) further columns of a manifest, see `metadata_columns`.
        skipped_columns: the same columns of the files that could not be read; {} in files of older versions.
        notes: sentences about what was left out, or read in a way that a reader should know.
    """

    ids: np.ndarray
    prior: np.ndarray
    residual: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    avg: np.ndarray
    xy: np.ndarray
    skipped: np.ndarray
    files: np.ndarray = field(default_factory=lambda: np.empty(0, str))
    boxes: np.ndarray = field(default_factory=lambda: np.empty((0, 4)))
    columns: Columns = field(default_factory=dict)
    skipped_columns: Columns = field(default_factory=dict)
    notes: np.ndarray = field(default_factory=lambda: np.empty(0, str))

    def __len__(self) -> int:
        return len(self.ids)

    def place(self, row: int) -> ImageLocation:
        """Return the location from which an image was read."""
        whole = not len(self.boxes) or bool(np.isnan(self.boxes[row]).any())
        file = Path(from_stored_path(str((self.files if len(self.files) else self.ids)[row])))
        return ImageLocation(file, None if whole else tuple(self.boxes[row].tolist()))

    def _is_valid(self) -> bool:
        """Tell whether the arrays fit one another."""
        n, k = len(self.ids), self.prior.shape[1]
        of_set = SetRecord(self.ids, None, self.predicted, self.confidence, {}, self.prior, self.residual)
        classes = int(self.predicted.max(initial=0)) + 1
        tables = self.avg.ndim == 2 and len(self.avg) == n and self.xy.shape in ((n, 2), (0, 2))
        finite = bool(np.isfinite(self.avg).all() and np.isfinite(self.xy).all())
        places = self.files.shape in ((n,), (0,)) and self.boxes.shape in ((n, 4), (0, 4))
        kinds = self.files.dtype.kind == "U" and self.boxes.dtype.kind == "f" and are_valid(self.columns, n)
        kinds = kinds and are_valid(self.skipped_columns, len(self.skipped))
        return tables and finite and places and kinds and all(of_set.checks(k, classes).values())

    def scores(self, scale: Scale, lens: Lens = PLAIN) -> np.ndarray:
        """Return the (N,) HEAT scores through a lens, with the `Run.scale` of the run that scored the images."""
        return scale.scores(self.prior + self.residual, lens)

    def save(self, path: Path) -> None:
        """Write `scored.npz`, completely or not at all."""
        arrays = {name: values for name, values in self.__dict__.items() if name not in ("columns", "skipped_columns")}
        if self.files.dtype.kind == "U":
            arrays["files"] = np.array([to_stored_path(file) for file in self.files.tolist()], dtype=str)
        arrays |= to_arrays(self.columns) | to_arrays(self.skipped_columns, _SKIPPED)
        write_npz(path, arrays | {"format": np.array(FORMAT)})

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            HeatError: where it is missing, damaged or of another format.
        """
        arrays = read_npz(path, "score the images again")
        try:
            require_format(int(arrays.pop("format", np.array(1))), path)
            columns, skipped_columns = from_arrays(arrays), from_arrays(arrays, _SKIPPED)
            images = cls(**arrays, columns=columns, skipped_columns=skipped_columns)
            is_valid = images._is_valid()
        except HeatError:
            raise
        except (TypeError, ValueError, LookupError) as error:  # numpy raises these for damaged arrays
            raise HeatError(f"{path} does not hold scored images: score them again.") from error
        if not is_valid:
            raise HeatError(f"{path} is damaged, its arrays do not fit one another: score the images again.")
        return images
