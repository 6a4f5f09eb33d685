"""How much say a residual has beside its prior: from ID features alone (beyond the paper, which leaves it to T and λ).

With ρ = spread(E_θ) / spread(E_q / T) over ID features, a hybrid energy is its prior at ρ = 0 and its residual at ∞.
T and λ fix ρ only by accident: after a short training, with few images or another backbone, the same constants give
residuals that nobody hears and residuals that drown their prior. What ρ should be follows from three numbers:

- Directions. An energy of C logits is flat in all but C of the D directions of the feature space; there nothing but the
  residual speaks, so that it deserves an equal say (ρ = 1). A prior that reads all directions (a mixture, neighbours)
  keeps five times the say of its residual (ρ = 1/5), which may correct it and not replace it. In between, with the
  share of the directions that the prior does not read.
- Samples. What n samples teach about a function of D variables has a standard error ∝ √(D/n): below `ENOUGH` samples a
  dimension the say shrinks with √n.
- What was learned. η, the correlation of E_θ with "data or negative" over the last updates of the training: an
  untrained residual is noise, and has no say.

ρ = η · √min(1, n / (ENOUGH·D)) · (SAY + (1 - SAY)(1 - C/D)). The two constants were set by looking at OOD sets of two
ID sets; `docs/evidence.md` shows how they do on ID sets that they were not set by.
"""

import numpy as np

SAY = 0.2  # of the residual of a prior that reads every direction, where samples are many
ENOUGH = 4  # samples a dimension from which a residual generalises


def loudness(n: int, dim: int, directions: int, learned: float) -> float:
    """ρ that a residual shall have.

    Args:
        n: training samples.
        dim: D of their features.
        directions: in how many of them the prior varies.
        learned: η in [0, 1], see `residual.Training`.
    """
    unread = 1 - min(directions, dim) / dim
    return learned * float(np.sqrt(min(1.0, n / (ENOUGH * dim)))) * (SAY + (1 - SAY) * unread)


def factor(rho: float, prior_spread: float, residual_spread: float) -> float:
    """What E_θ is multiplied with for that ρ.

    Args:
        rho: wanted.
        prior_spread: standard deviation of E_q / T over ID features.
        residual_spread: that of E_θ over the same. A residual that is constant stays so.
    """
    return rho * prior_spread / residual_spread if residual_spread > 0 else 1.0
