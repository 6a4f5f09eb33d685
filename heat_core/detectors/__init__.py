"""Detectors that HEAT is compared with. One file a method; adding one is adding a file and a line here."""

from heat_core.detectors.base import Detector
from heat_core.detectors.knn import NearestNeighbours
from heat_core.detectors.maxlogit import MaxLogit
from heat_core.detectors.msp import MaxSoftmax

#: JSON name → class, in the order of the tables. (EL, GMM and GMM-std are HEAT's priors.)
DETECTORS: dict[str, type[Detector]] = {"msp": MaxSoftmax, "maxlogit": MaxLogit, "knn": NearestNeighbours}

__all__ = ["DETECTORS", "Detector"]
