"""What each position of an image contributes to what a run says of it: `positions.npz`, both ways. numpy alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from heat_core.errors import HeatError
from heat_core.runs.record import FORMAT, require_format
from heat_core.storage import read_npz, write_npz

POSITIONS = "positions.npz"
_CURE = "ask for the positions again"


@dataclass(frozen=True)
class Positions:
    """One image, taken apart by the positions of the backbone's feature volume.

    A contribution is what leaving the position out of the pooling takes away: f(z) - f(z without p), z the mean of the
    P positions and z without p that of the others. They do not add up to f(z): those of the logit, which is linear, add
    up to 0; those of the energy to less than 0 as a rule, since a mean of fewer positions is farther from the features
    of whole images, whichever is left out. They are to be compared with one another.

    Attributes:
        energy: (H, W) contributions to the energy of the GMM prior; the larger, the more
            out-of-distribution the position makes it.
        logit: (H, W) contributions to the logit of the class that the image is taken for; positive = speaks for it.
        class_name: of that class.
        energy_of_image: f(z) of the energy.
        logit_of_image: f(z) of the logit.
        box: (4,) left, top, right, bottom of what the network sees, as shares of the picture's width and height: its
            input may leave a border out. The grid divides this box.
    """

    energy: np.ndarray
    logit: np.ndarray
    class_name: str
    energy_of_image: float
    logit_of_image: float
    box: np.ndarray

    @property
    def energy_sum(self) -> float:
        """Of the contributions to the energy."""
        return float(self.energy.sum())

    @property
    def logit_sum(self) -> float:
        """Of the contributions to the logit."""
        return float(self.logit.sum())

    def _is_valid(self) -> bool:
        """Whether the arrays are what they are declared to be."""
        grids = self.energy.ndim == 2 and self.energy.size > 1 and self.logit.shape == self.energy.shape
        numbers = (self.energy, self.logit, self.box, np.array([self.energy_of_image, self.logit_of_image]))
        return (
            grids
            and self.box.shape == (4,)
            and all(n.dtype.kind == "f" and bool(np.isfinite(n).all()) for n in numbers)
        )

    def save(self, path: Path) -> None:
        """Write `positions.npz`, whole or not at all."""
        write_npz(
            path, {name: np.asarray(value) for name, value in self.__dict__.items()} | {"format": np.array(FORMAT)}
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; HeatError where it is missing, damaged or of another format."""
        arrays = read_npz(path, _CURE)
        try:
            require_format(int(arrays.pop("format")), path)
            maps = cls(
                class_name=str(arrays.pop("class_name")),
                energy_of_image=float(arrays.pop("energy_of_image")),
                logit_of_image=float(arrays.pop("logit_of_image")),
                **arrays,
            )
            is_valid = maps._is_valid()
        except HeatError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise HeatError(f"{path} does not hold the positions of an image: {_CURE}.") from error
        if not is_valid:
            raise HeatError(f"{path} is damaged, its arrays do not fit one another: {_CURE}.")
        return maps
