"""Contributions of an image's positions to its energy and its logit, written to and read from `positions.npz`.

The module needs numpy alone.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from heat_core.errors import HeatError
from heat_core.runs.results_file import FORMAT, require_format
from heat_core.storage import read_npz, write_npz

POSITIONS = "positions.npz"
_CURE = "compute the positions again"


@dataclass(frozen=True)
class Positions:
    """Contributions of the positions of a feature volume, for one image.

    A contribution is the change that leaving a position out of the pooling makes: f(z) - f(z without p), where z is the
    mean of the P positions and z without p that of the others. The contributions do not add up to f(z): those to the
    logit, which is linear, add up to 0; those to the energy usually to less than 0, since a mean of fewer positions is
    farther from the features of whole images, whichever position is left out. They are meaningful in comparison with
    one another.

    Attributes:
        energy: (H, W) contributions to the energy of the GMM prior; a larger one makes the image more
            out-of-distribution.
        logit: (H, W) contributions to the logit of the predicted class; a positive one supports this class.
        class_name: name of the predicted class.
        energy_of_image: f(z) of the energy.
        logit_of_image: f(z) of the logit.
        box: (4,) left, top, right, bottom of the part that the network receives, as shares of the picture's width and
            height, since its input may leave a border out. The grid divides this box.
    """

    energy: np.ndarray
    logit: np.ndarray
    class_name: str
    energy_of_image: float
    logit_of_image: float
    box: np.ndarray

    @property
    def energy_sum(self) -> float:
        """Sum of the contributions to the energy."""
        return float(self.energy.sum())

    @property
    def logit_sum(self) -> float:
        """Sum of the contributions to the logit."""
        return float(self.logit.sum())

    def _is_valid(self) -> bool:
        """Tell whether the arrays have the declared shapes and types."""
        grids = self.energy.ndim == 2 and self.energy.size > 1 and self.logit.shape == self.energy.shape
        numbers = (self.energy, self.logit, self.box, np.array([self.energy_of_image, self.logit_of_image]))
        return (
            grids
            and self.box.shape == (4,)
            and all(n.dtype.kind == "f" and bool(np.isfinite(n).all()) for n in numbers)
        )

    def save(self, path: Path) -> None:
        """Write `positions.npz`, completely or not at all."""
        write_npz(
            path, {name: np.asarray(value) for name, value in self.__dict__.items()} | {"format": np.array(FORMAT)}
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote.

        Raises:
            HeatError: where it is missing, damaged or of another format.
        """
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
