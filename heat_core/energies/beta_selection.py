"""The choice of β (Eq. 7) without OOD data, from ID features and noisy copies of them (the outlook of Sec. 4.3)."""

from dataclasses import dataclass

import numpy as np

from heat_core.composition import compose
from heat_core.features.features import SECOND_ENCODER, Features
from heat_core.metrics import auroc

GRID = (-np.inf, -30.0, -10.0, -3.0, -1.0, -0.3, 0.0, 0.3, 1.0, 3.0, 10.0, 30.0, np.inf)
_AT_MOST = 2000  # samples to which noise is added


@dataclass(frozen=True)
class BetaChoice:
    """The chosen β, and how well each β of the grid separates ID features from noisy ones.

    Attributes:
        beta: the chosen β.
        grid: the values of β that were compared.
        auroc: AUROC in [0, 1] of each value of the grid.
    """

    beta: float
    grid: tuple[float, ...]
    auroc: tuple[float, ...]


def add_noise(features: Features, seed: int = 0) -> Features:
    """Add Gaussian noise to at most 2,000 of the features, drawn at random.

    The noise has half the standard deviation of each dimension, which is a mild perturbation. Columns without negative
    values are clipped at 0. Stronger perturbations (the mean of two images, dimensions exchanged between images) are
    misleading: they favour a large β on every set that was tried, and real OOD images do not.

    Returns:
        Features of min(N, 2000) samples without labels: avg, std and the columns of a second encoder.
    """
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(features), min(_AT_MOST, len(features)), replace=False)

    def perturb(column: np.ndarray) -> np.ndarray:
        z = np.asarray(column, dtype=np.float32)
        noise = 0.5 * z.std(axis=0) * rng.standard_normal((len(rows), z.shape[1]), dtype=np.float32)
        return np.maximum(z[rows] + noise, 0) if (z >= 0).all() else z[rows] + noise

    avg, std = perturb(features.avg), None if features.std is None else perturb(features.std)
    extra = {name: perturb(column) for name, column in features.extra.items() if name.endswith(SECOND_ENCODER)}
    return Features(avg, std, labels=None, ids=[features.ids[i] for i in rows], extra=extra)


def choose_beta(id_energies: np.ndarray, noisy_energies: np.ndarray) -> BetaChoice:
    """Choose the β closest to 0 whose AUROC of ID against noisy features is within one standard error of the best.

    The paper finds β near 0 best and HEAT stable around it (Sec. 4.3), so another β is chosen only if it is clearly
    better. The standard error is that of Hanley & McNeil, 1982.

    Args:
        id_energies: (N, K) standardised hybrid energies of ID features on which no prior was fitted; the energies of
            training features are lower than those of new images.
        noisy_energies: (M, K) the energies of noisy features, see `add_noise`.
    """
    areas = [auroc(compose(id_energies, b), compose(noisy_energies, b)) for b in GRID]
    margin = max(areas) - standard_error(max(areas), len(id_energies), len(noisy_energies))
    good = [beta for beta, area in zip(GRID, areas, strict=True) if area >= margin]
    return BetaChoice(min(good, key=abs), GRID, tuple(areas))


def standard_error(area: float, n: int, m: int) -> float:
    """Compute the standard error of an AUROC from n ID and m noisy samples (Hanley & McNeil, 1982)."""
    q1, q2 = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (m - 1) * (q1 - area**2) + (n - 1) * (q2 - area**2)
    return float(np.sqrt(max(variance, 0.0) / (n * m)))
