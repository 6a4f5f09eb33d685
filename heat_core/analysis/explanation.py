"""Why a sample got its score: contributions that add up to it."""

from dataclasses import dataclass

import numpy as np

from heat_core.composition import PLAIN, Lens, influence
from heat_core.runs.run import Run


@dataclass(frozen=True)
class PriorContribution:
    """One prior's contribution to a score.

    Attributes:
        prior: its name.
        prior_energy: E_q / T.
        residual: E_θ.
        hybrid: their sum (Eq. 2).
        standardised: the hybrid in standard deviations from its mean on training features.
        influence: its weight in this sample's score, in [0, 1].
        from_prior: influence × the prior's share of `standardised`.
        from_residual: influence × the residual's.
    """

    prior: str
    prior_energy: float
    residual: float
    hybrid: float
    standardised: float
    influence: float
    from_prior: float
    from_residual: float


@dataclass(frozen=True)
class Explanation:
    """`score` = Σ (from_prior + from_residual) over `contributions` + `from_beta`: what composing otherwise than by the
    influence-weighted mean adds, (H(influence) - log K) / β for equal weights.
    """

    contributions: list[PriorContribution]
    from_beta: float
    score: float


def explain(run: Run, prior_energies: np.ndarray, residuals: np.ndarray, lens: Lens = PLAIN) -> Explanation:
    """Take the score of one sample apart.

    Args:
        run: that scored it.
        prior_energies: (K,) E_q / T, in the order of `run.priors`, as `Run.prior_energies` holds them for its samples.
        residuals: (K,) E_θ, as of `Run.residual_energies`.
        lens: how HEAT is composed.
    """
    chosen = lens.select_priors(run.priors)
    hybrid = np.asarray(prior_energies) + np.asarray(residuals)
    score = float(run.scale.scores(hybrid[None], lens)[0])  # refuses weights that are none
    weights = np.ones(len(chosen)) if lens.weights is None else np.asarray(lens.weights, dtype=float)
    chosen = tuple(p for p, w in zip(chosen, weights, strict=True) if w > 0)
    lens = Lens(lens.beta, chosen, tuple(weights[weights > 0].tolist()))
    scale, columns = run.scale.select(chosen), run.scale.columns(chosen)
    prior, residual = np.asarray(prior_energies)[columns], np.asarray(residuals)[columns]
    hybrid = prior + residual
    standardised = scale.standardise(hybrid)
    weight = influence(standardised[None], lens.beta, lens.weights)[0]
    from_prior, from_residual = weight * scale.standardise(prior), weight * residual / scale.spread
    fields = (prior, residual, hybrid, standardised, weight, from_prior, from_residual)
    contributions = [
        PriorContribution(name, *values) for name, *values in zip(chosen, *(f.tolist() for f in fields), strict=True)
    ]
    return Explanation(contributions, score - float((from_prior + from_residual).sum()), score)
