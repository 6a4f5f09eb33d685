"""Residual scale: the spread of a residual relative to its prior, and the value to which training brings it.

With ρ = std(E_θ) / std(E_q / T) over ID features, a hybrid energy is its prior at ρ = 0 and its residual at ρ = ∞. The
paper sets T and λ and leaves ρ to the training: with a short training, few images or another backbone the same T and λ
can give residuals that change nothing or residuals that outweigh their prior. `rescale` (beyond the paper) multiplies
the trained residual by a factor so that

    ρ = η · w

- w is the residual weight. For an energy of logits w = u², where u is the share of the features' variance orthogonal to
  the differences of the head's rows (`variance_outside_head`), which does not distinguish classes and which only the
  residual can judge. With a head fitted on another network's features u is nearly 1, and the residual weighs nearly as
  much as the prior; with a network trained for these classes the head reads most of the variance, and the residual
  weighs little. For a prior that reads every direction (a mixture, neighbours, ViM) w = 0.2: the residual corrects the
  prior and does not replace it.
- η is the correlation of E_θ with the label (0 data, 1 negative) over the last updates of the training. An untrained
  residual is noise and has η near 0.

Both spreads are measured on the reference samples of `CorrectedPrior`. Where there are few samples for the dimension,
and classes of five or more, neither the reference prior nor the residual has seen them. A residual learns the features
that it is trained on by heart: over those its spread goes to 0, while over others it does not, and a factor that
divides by it grows without bound.

When the training of a residual should end. With a density p of data and r of negatives, the optimum of the loss is
E_θ = -tanh(½ log(p/r)) / (2λ): nearly the constant -1/(2λ) on data wherever these are told from negatives without
error. The spread of E_θ over data therefore rises while the residual learns how they differ from negatives, and falls
when it separates the two. `stop_below` ends the training when the spread of the averaged network over the training
features has fallen to that share of its largest value.

Why a residual of EL gets worse on images from there on is not known. In two dimensions, where p and r are known
(`tests/heat_core/energies/test_residual_spread.py`, notebook 03), the spread over data that are held out does rise and
fall to that of the optimum, and E_θ orders these data less by log(p/r) than at the largest spread. But the gradient of
E_θ on data does not vanish, and points just outside of the data, which are hardly told from them (AUROC 50 to 52 %)
until well after the largest spread, are told somewhat better at the end of a long training (54 to 57 %).
Where negatives lie among the data, as in the other trainings of that notebook, the optimum is no constant, and the
spread goes on growing.

The square, w = 0.2, `averaging` and `stop_below` were chosen by looking at OOD sets, which docs/evidence.md names.
"""

import numpy as np

from heat_core.energies.priors.base import column_moments
from heat_core.features.chunks import blocks
from heat_core.types import Rows

DEFAULT_WEIGHT = 0.2  # w for a prior that reads every direction
_SAME = 1e-9  # singular values of the head below this share of the largest count as 0


def target_scale(outside_head: float | None, label_correlation: float) -> float:
    """Compute the ρ that a residual should have.

    Args:
        outside_head: u in [0, 1] for an energy of logits, see `variance_outside_head`; None for a prior that reads
            every direction.
        label_correlation: η in [0, 1], see `residual_trainer.TrainedResidual`.
    """
    residual_weight = DEFAULT_WEIGHT if outside_head is None else outside_head**2
    return label_correlation * residual_weight


def variance_outside_head(weight: np.ndarray, z: Rows) -> float:
    """Compute the share u of the features' variance that does not distinguish classes.

    This is the variance orthogonal to the differences of the head's rows.

    Args:
        weight: (C, D) weight of the head.
        z: (N, D) features.

    Returns:
        u in [0, 1]; 1 if the features do not vary.
    """
    _, values, directions = np.linalg.svd(weight - weight.mean(axis=0), full_matrices=False)
    head_directions = directions[values > _SAME * max(float(values.max(initial=0.0)), 1e-300)]
    mean, spread = column_moments(z)
    total = len(z) * float((spread**2).sum())
    inside = sum(float((((block - mean) @ head_directions.T) ** 2).sum()) for _, block in blocks(z))
    return 1.0 - inside / total if total > 0 else 1.0


def rescale_factor(rho: float, prior_spread: float, residual_spread: float) -> float:
    """Compute the factor by which E_θ must be multiplied to have a given ρ; 1 if E_θ is constant.

    Args:
        rho: the target ρ.
        prior_spread: standard deviation of E_q / T over ID features.
        residual_spread: standard deviation of E_θ over the same features.
    """
    return rho * prior_spread / residual_spread if residual_spread > 0 else 1.0
