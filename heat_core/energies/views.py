"""Views: the column of the features that a prior reads. Importing this module does not import torch."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from heat_core.energies.names import prior_kind, spec_of
from heat_core.errors import HeatError
from heat_core.memory import release_pages

if TYPE_CHECKING:
    import torch

    from heat_core.features.features import Features


class ViewedRows:
    """Rows (N, D) of a column that may be on disk; a slice is read, converted to float32 and normalised when taken.

    Args:
        column: (N, D) array.
        normalised: whether each row is L2-normalised.
    """

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
    """A column of the features, and whether its rows are normalised.

    Attributes:
        column: avg, std, or either with @b for the second encoder's features.
        normalised: whether each row is L2-normalised.
    """

    column: str
    normalised: bool

    def array(self, features: "Features") -> np.ndarray:
        """Return the rows of the view as an array (N, D), float32, in memory."""
        return self.rows(features)[:]

    def rows(self, features: "Features") -> "ViewedRows":
        """Return the rows of `array` without reading them: slices are read and normalised when they are taken."""
        column = features.pooled_column(self.column)
        if column is None:
            raise HeatError(
                f"these features have no {self.column}.npy (a network gives one where its maps have two positions or "
                "more, so a larger image size may help): give one, or choose other priors."
            )
        return ViewedRows(column, self.normalised)

    def project(self, z: "torch.Tensor", non_negative: bool) -> "torch.Tensor":
        """Project points after a Langevin step onto the space of this view's features.

        Args:
            z: (n, D) points.
            non_negative: whether they are clipped at 0 first, as for features after a ReLU.
        """
        if non_negative:
            z = z.clamp_min(0)
        return z / z.norm(dim=1, keepdim=True).clamp_min(1e-12) if self.normalised else z


class _Views(dict[str, View]):
    """The view of each prior, by its name, also of priors that are registered later."""

    def __missing__(self, prior: str) -> View:
        """Make the view of a prior, for example of gmm or gmm@b; HeatError where there is no such prior."""
        spec = spec_of(prior)
        return View(spec.column + prior.removeprefix(prior_kind(prior)), spec.normalised)


VIEWS = _Views()
