"""Choosing β without any OOD data (the outlook of Sec. 4.3): from ID features and perturbations of them."""

from dataclasses import dataclass

import numpy as np

from heat_core.composition import compose
from heat_core.energies.names import SECOND_ENCODER
from heat_core.features.features import Features
from heat_core.metrics import auroc

GRID = (-np.inf, -30.0, -10.0, -3.0, -1.0, -0.3, 0.0, 0.3, 1.0, 3.0, 10.0, 30.0, np.inf)
_AT_MOST = 2000


@dataclass(frozen=True)
class BetaChoice:
    """The chosen β, and how well each β of the grid told ID features from noisy ones (AUROC)."""

    beta: float
    grid: tuple[float, ...]
    auroc: tuple[float, ...]


def add_noise(features: Features, seed: int = 0) -> Features:
    """At most 2,000 of the features with Gaussian noise of half the spread of each dimension: a mild perturbation.

    Stronger ones (two images mixed, dimensions crossed between images) lead astray: they ask for a large β on every
    set that was tried, where real OOD images do not.
    """
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(features), min(_AT_MOST, len(features)), replace=False)

    def moved(column: np.ndarray) -> np.ndarray:
        z = np.asarray(column, dtype=np.float32)
        noise = 0.5 * z.std(axis=0) * rng.standard_normal((len(rows), z.shape[1]), dtype=np.float32)
        return np.maximum(z[rows] + noise, 0) if (z >= 0).all() else z[rows] + noise

    avg, std = moved(features.avg), None if features.std is None else moved(features.std)
    extra = {name: moved(column) for name, column in features.extra.items() if name.endswith(SECOND_ENCODER)}
    return Features(avg, std, labels=None, ids=[features.ids[i] for i in rows], extra=extra)


def choose_beta(id_energies: np.ndarray, noisy_energies: np.ndarray) -> BetaChoice:
    """The β closest to 0 whose AUROC of ID against noisy features is within a standard error of the best one's.

    The paper finds β near 0 best and HEAT stable around it (Sec. 4.3): another β must earn it. Standard error as in
    Hanley & McNeil, 1982.

    Args:
        id_energies: (N, K) standardised hybrid energies of ID features that no prior was fitted on: those of training
            features are lower than any image will ever have again.
        noisy_energies: (M, K).
    """
    areas = [auroc(compose(id_energies, b), compose(noisy_energies, b)) for b in GRID]
    margin = max(areas) - _standard_error(max(areas), len(id_energies), len(noisy_energies))
    good = [beta for beta, area in zip(GRID, areas, strict=True) if area >= margin]
    return BetaChoice(min(good, key=abs), GRID, tuple(areas))


def _standard_error(area: float, n: int, m: int) -> float:
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)
    return float(np.sqrt(max(variance, 0.0) / (n * m)))
