"""Choosing β without any OOD data (the outlook of Sec. 4.3): from ID features and perturbations of them."""

from dataclasses import dataclass

import numpy as np

from heat_core.composition import compose
from heat_core.features import Features
from heat_core.metrics import auroc, fpr95
from heat_core.results import ID, Run

GRID = (-np.inf, -30.0, -10.0, -3.0, -1.0, -0.3, 0.0, 0.3, 1.0, 3.0, 10.0, 30.0, np.inf)
_AT_MOST = 2000
_STEPS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0)
#: Every β that a curve over β (Fig. 3b) shows.
SWEEP = (-np.inf, *(-b for b in reversed(_STEPS)), 0.0, *_STEPS, np.inf)


@dataclass(frozen=True)
class BetaChoice:
    """The β that tells ID features from perturbed ones best, and how well each β of the grid did (mean AUROC)."""

    beta: float
    grid: tuple[float, ...]
    auroc: tuple[float, ...]


def perturbed(train: Features, seed: int = 0) -> dict[str, Features]:
    """Features that are no longer ID, made from at most 2,000 ID ones: name → Features.

    mixed: half-way between two images of different classes (stands for near-OOD). crossed: half of the dimensions
    taken from another image, which keeps every marginal and breaks what goes together. noisy: Gaussian noise of
    half the spread of each dimension.
    """
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(train), min(_AT_MOST, len(train)), replace=False)
    partners = _of_other_classes(train.labels, rows, rng)
    made = {"mixed": {}, "crossed": {}, "noisy": {}}
    for column in ("avg", "std") if train.std is not None else ("avg",):
        z = np.asarray(getattr(train, column), dtype=np.float32)
        own, other = z[rows], z[partners]
        made["mixed"][column] = (own + other) / 2
        made["crossed"][column] = np.where(rng.random(own.shape[1]) < 0.5, own, other)
        noisy = own + 0.5 * z.std(axis=0) * rng.standard_normal(own.shape, dtype=np.float32)
        made["noisy"][column] = np.maximum(noisy, 0) if (z >= 0).all() else noisy
    ids = [train.ids[i] for i in rows]
    return {name: Features(labels=None, ids=ids, **{"std": None} | columns) for name, columns in made.items()}


def _of_other_classes(labels: np.ndarray, rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each row one of another class."""
    partners = np.empty_like(rows)
    for label in np.unique(labels[rows]):
        mine = labels[rows] == label
        partners[mine] = rng.choice(np.flatnonzero(labels != label), mine.sum())
    return partners


def choose_beta(id_energies: np.ndarray, perturbed_energies: dict[str, np.ndarray]) -> BetaChoice:
    """β with the highest mean AUROC of ID against the perturbed sets; of equals the one closest to 0.

    Args:
        id_energies: (N, K) standardised hybrid energies of ID features that no prior was fitted on, where there are
            any. perturbed_energies: name → (M, K).
    """
    areas = [
        float(np.mean([auroc(compose(id_energies, b), compose(e, b)) for e in perturbed_energies.values()]))
        for b in GRID
    ]
    best = max(range(len(GRID)), key=lambda i: (round(areas[i], 6), -abs(GRID[i])))
    return BetaChoice(GRID[best], GRID, tuple(areas))


def sweep(run: Run, priors: list[str] | None = None) -> tuple[list[float], list[float]]:
    """FPR95 and AUROC averaged over a run's OOD sets, one number for each β of `SWEEP` (Fig. 3b)."""
    curves: tuple[list[float], list[float]] = ([], [])
    for beta in SWEEP:
        scores = {name: run.scores(name, beta, priors) for name in run.datasets}
        for curve, metric in zip(curves, (fpr95, auroc), strict=True):
            curve.append(float(np.mean([metric(scores[ID], scores[name]) for name in run.ood_names])))
    return curves
