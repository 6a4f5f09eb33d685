"""From a subset of samples to a new run: their images as a folder, and the form of a run that uses it."""

import numpy as np

from heat_core import HeatError
from heat_core.analysis.samples import Samples


def begin(samples: Samples, chosen: np.ndarray, role: str, name: str) -> None:
    """Fill the form of a new run in which these samples are an OOD set or a known class, and go there."""
    raise HeatError("not yet")
