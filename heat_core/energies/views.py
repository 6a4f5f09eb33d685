"""What a prior reads of the features. Importing this does not import torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from heat_core.energies.names import SECOND_ENCODER, SECOND_PRIORS, prior_kind
from heat_core.errors import HeatError
from heat_core.memory import release_pages

if TYPE_CHECKING:
    import torch

    from heat_core.features.features import Features


class ViewedRows:
    """(N, D) float32 rows of a column, which may lie on disk (see `features.rows`), each L2-normalised or as it is."""

    dtype = np.dtype(np.float32)

    def __init__(self, column: np.ndarray, normalised: bool) -> None:
        self.column, self.normalised, self.shape = column, normalised, column.shape

    def __len__(self) -> int:
        return len(self.column)

    def __getitem__(self, rows: Any) -> np.ndarray:
        copied = self.normalised or isinstance(self.column, np.memmap)
        z = (np.array if copied else np.asarray)(self.column[rows], dtype=np.float32)
        release_pages(self.column)
        if self.normalised:
            z /= np.maximum(np.linalg.norm(z, axis=-1, keepdims=True), 1e-12)
        return z


@dataclass(frozen=True)
class View:
    """Which column of the Features a prior reads, and whether each row is L2-normalised."""

    column: str
    normalised: bool

    def array(self, features: "Features") -> np.ndarray:
        """(N, D) float32 rows of `features.avg` or `features.std`, in memory."""
        return self.rows(features)[:]

    def rows(self, features: "Features") -> "ViewedRows":
        """The rows of `array`, made when they are read."""
        column = (
            features.extra.get(self.column) if self.column.endswith(SECOND_ENCODER) else getattr(features, self.column)
        )
        if column is None:
            raise HeatError(
                f"these features have no {self.column}.npy (a network gives one where its maps have two positions or "
                "more, so a larger image size may help): give one, or choose other priors."
            )
        return ViewedRows(column, self.normalised)

    def project(self, z: "torch.Tensor", non_negative: bool) -> "torch.Tensor":
        """Bring points that a Langevin step moved back to where the features of this view live."""
        if non_negative:
            z = z.clamp_min(0)
        return z / z.norm(dim=1, keepdim=True).clamp_min(1e-12) if self.normalised else z


#: What each prior reads: GMM = avg, normalised; GMM-std = std, normalised; EL = avg, raw (Sec. 3.2); DICE (Tab. 10),
#: ViM and SCALE as EL; soft-KNN normalised as KNN.
VIEWS = {
    "gmm": View("avg", True),
    "gmm-std": View("std", True),
    "el": View("avg", False),
    "dice": View("avg", False),
    "knn": View("avg", True),
    "vim": View("avg", False),
    "scale": View("avg", False),
}
VIEWS |= {
    p: View(f"{VIEWS[prior_kind(p)].column}{SECOND_ENCODER}", VIEWS[prior_kind(p)].normalised) for p in SECOND_PRIORS
}
