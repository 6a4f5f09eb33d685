"""How much say a residual has beside its prior: from ID features alone (beyond the paper, which leaves it to T and λ).

With ρ = spread(E_θ) / spread(E_q / T) over ID features, a hybrid energy is its prior at ρ = 0 and its residual at ∞.
T and λ fix ρ only by accident: after a short training, with few images or another backbone, the same constants give
residuals that nobody hears and residuals that drown their prior. What ρ should be follows from three numbers:

- What the prior does not read. An energy of C logits is flat across the directions of the head: what of the features
  varies there (a share u of their variance), nothing but the residual can judge. Where u is nearly all, as with a head
  on somebody else's backbone, the residual deserves nearly an equal say; where a network was trained for these very
  classes, the head reads most of the variance, and the residual little. Say = u². A prior that reads all directions (a
  mixture, neighbours, ViM) keeps five times the say of its residual, which may correct it and not replace it.
- Samples. What n samples teach about a function of D variables has a standard error ∝ √(D/n): below `ENOUGH` samples a
  dimension the say shrinks with √n.
- What was learned. η, the correlation of E_θ with "data or negative" over the last updates of the training: an
  untrained residual is noise, and has no say.

ρ = η · √min(1, n / (ENOUGH·D)) · say. Square and constants were set by looking at the OOD sets of three pairs of ID set
and network; `docs/evidence.md` shows how the rule does on those, and on one that it was not set by.
"""

import numpy as np

from heat_core.energies.priors.base import column_moments
from heat_core.features.chunks import blocks
from heat_core.types import Rows

SAY = 0.2  # of the residual of a prior that reads every direction, where samples are many
ENOUGH = 4  # samples a dimension from which a residual generalises
_SAME = 1e-9  # share of the largest singular value below which a direction of the head is none


def loudness(n: int, dim: int, unread: float | None, learned: float) -> float:
    """ρ that a residual shall have.

    Args:
        n: training samples.
        dim: D of their features.
        unread: u in [0, 1] of an energy of logits; None for a prior that reads every direction.
        learned: η in [0, 1], see `residual.Training`.
    """
    say = SAY if unread is None else unread**2
    return learned * float(np.sqrt(min(1.0, n / (ENOUGH * dim)))) * say


def unread_share(weight: np.ndarray, z: Rows) -> float:
    """Share of the variance of (N, D) features that a head (C, D) does not read to tell classes apart: orthogonal to
    the differences of its rows."""
    _, values, directions = np.linalg.svd(weight - weight.mean(axis=0), full_matrices=False)
    read = directions[values > _SAME * max(float(values.max(initial=0.0)), 1e-300)]
    mean, spread = column_moments(z)
    total = len(z) * float((spread**2).sum())
    seen = sum(float((((block - mean) @ read.T) ** 2).sum()) for _, block in blocks(z))
    return 1.0 - seen / total if total > 0 else 1.0


def factor(rho: float, prior_spread: float, residual_spread: float) -> float:
    """What E_θ is multiplied with for that ρ.

    Args:
        rho: wanted.
        prior_spread: standard deviation of E_q / T over ID features.
        residual_spread: that of E_θ over the same. A residual that is constant stays so.
    """
    return rho * prior_spread / residual_spread if residual_spread > 0 else 1.0
