"""Composition of K standardised hybrid energies by one parameter, β (Eq. 7, App. A.2).

`Lens` holds what a person chooses (β, priors, weights, threshold), `Scale` the standardisation scale of a run. HEAT's
scores are computed from hybrid energies with these two alone, in the command line, the app, the tables and for new
images.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heat_core.errors import HeatError
from heat_core.thresholds import require_alpha, threshold95, threshold_at

HEAT = "heat"  # name of HEAT among the detectors
_SERIES_BELOW = 1e-6  # for |β(E - mean)| below this, two terms of the expansion are exact in float64


def compose(energies: np.ndarray, beta: float = 0.0, weights: Sequence[float] | None = None) -> np.ndarray:
    """Compose energies: `(logsumexp_k(β E_k) - log K) / β` (Eq. 7).

    The term `-log K` makes the result continuous in β and does not change any ranking. The result is the mean at
    β = 0, the maximum at β = +∞ and the minimum at β = -∞; it is computed without overflow or cancellation for every β
    in between.

    Args:
        energies: (N, K) finite energies, larger = more out-of-distribution.
        beta: any real number, or ±inf.
        weights: K non-negative weights of the priors (beyond the paper). They replace the mean over k of exp(β E_k) by
            Σ_k w_k exp(β E_k) / Σ_k w_k; a prior of weight 0 is ignored. Default: equal weights.

    Returns:
        (N,) float64 composed energies.

    Raises:
        HeatError: if `energies` is not (N, K ≥ 1) or not finite, if β is NaN, or if the weights are not K non-negative
            numbers with a positive sum.
    """
    energies, shares = _validate(energies, beta, weights)
    if math.isinf(beta):
        return energies.max(axis=1) if beta > 0 else energies.min(axis=1)

    def average(values: np.ndarray) -> np.ndarray:
        return (values * shares).sum(axis=1) / shares.sum()

    mean = average(energies)
    centred = energies - mean[:, None]
    # Shifting by the extreme energy, which dominates the sum, keeps every exponent at or below 0.
    extreme = centred.max(axis=1) if beta >= 0 else centred.min(axis=1)
    shifted = beta * (centred - extreme[:, None])
    small = np.abs(beta) * np.abs(centred).max(axis=1)
    if (small < _SERIES_BELOW).all():
        return mean + 0.5 * beta * average(centred**2)
    near_zero = np.log1p(average(np.expm1(np.clip(beta * centred, -1, 1)))) / beta
    elsewhere = extreme + np.log(average(np.exp(shifted))) / beta
    series = 0.5 * beta * average(centred**2)
    return mean + np.select([small < _SERIES_BELOW, small < 0.5], [series, near_zero], elsewhere)


def influence(energies: np.ndarray, beta: float = 0.0, weights: Sequence[float] | None = None) -> np.ndarray:
    """Compute the derivative ∂compose/∂E_k = softmax_k(β E_k + log w_k).

    It is the share of each prior in a sample's score. At β = ±∞ the extreme prior has share 1, which equal extremes
    divide.

    Args:
        energies: (N, K) finite energies, larger = more out-of-distribution.
        beta: any real number, or ±inf.
        weights: K non-negative weights of the priors; default: equal weights.

    Returns:
        (N, K) shares whose rows sum to 1, without the columns of priors of weight 0.

    Raises:
        HeatError: if the arguments are invalid (see `compose`).
    """
    energies, shares = _validate(energies, beta, weights)
    if math.isinf(beta):
        extreme = energies == compose(energies, beta)[:, None]
        return extreme / extreme.sum(axis=1, keepdims=True)
    scaled = beta * energies
    unnormalised = shares * np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return unnormalised / unnormalised.sum(axis=1, keepdims=True)


def format_beta(beta: float) -> str:
    """Format β for print: −0.3, −∞, +∞."""
    return ("−∞" if beta < 0 else "+∞") if math.isinf(beta) else f"{beta:g}".replace("-", "−")


@dataclass(frozen=True)
class Lens:
    """Settings of HEAT's composition and threshold.

    A lens is hashable, so that results that depend on it can be cached.

    Attributes:
        beta: parameter β of the composition (Eq. 7).
        priors: names of the priors that are composed; None = all priors of the run.
        weights: one weight for each composed prior (see `compose`); None = equal weights.
        threshold: threshold of HEAT's score; None = the 95th percentile of the ID test scores.
        alpha: false-alarm rate in (0, 1) that sets the threshold (see `thresholds.threshold_at`).

    Raises:
        HeatError: if a prior is named twice, if `alpha` is not between 0 and 1, or if `threshold` is given beside it.
    """

    beta: float = 0.0
    priors: tuple[str, ...] | None = None
    weights: tuple[float, ...] | None = None
    threshold: float | None = None
    alpha: float | None = None

    def __post_init__(self) -> None:
        for name in ("priors", "weights"):  # lists are accepted, but cannot be hashed
            if (values := getattr(self, name)) is not None:
                object.__setattr__(self, name, tuple(values))
        if self.priors is not None and len(set(self.priors)) < len(self.priors):
            raise HeatError(f"A prior was named twice in {', '.join(self.priors)}: name each one once.")
        if self.alpha is not None:
            require_alpha(self.alpha)
            if self.threshold is not None:
                raise HeatError("A threshold and a false-alarm rate, which also sets it, were given: give one of them.")

    def threshold_for(self, detector: str, id_scores: np.ndarray) -> float:
        """Return the threshold above which a detector calls a sample OOD.

        `threshold` and `alpha` apply to HEAT alone; any other detector's threshold is the 95th percentile.

        Args:
            detector: name of the detector.
            id_scores: (N,) its scores of the ID test set.
        """
        if detector == HEAT and self.threshold is not None:
            return self.threshold
        return threshold_at(id_scores, self.alpha) if detector == HEAT and self.alpha else threshold95(id_scores)

    def threshold_label(self, detector: str) -> str:
        """Return the label of a detector's threshold in figures."""
        if detector != HEAT or (self.threshold is None and self.alpha is None):
            return "95 % of ID"
        return f"α = {100 * self.alpha:.3g} %" if self.alpha else "your threshold"

    def select_priors(self, priors: Sequence[str]) -> tuple[str, ...]:
        """Select the priors of a run that are composed.

        Raises:
            HeatError: if the run lacks one of the priors of this lens, or if no prior is selected.
        """
        chosen = tuple(priors) if self.priors is None else self.priors
        missing = [p for p in chosen if p not in priors]
        if missing or not chosen:
            what = f"has no residual for {missing[0]!r}" if missing else "needs at least one prior to compose"
            raise HeatError(f"This run {what}: it has {', '.join(priors) or 'none yet'}.")
        return chosen


PLAIN = Lens()  # the paper's composition: β = 0 over all priors


@dataclass(frozen=True)
class Scale:
    """Standardisation scale of a run's hybrid energies (App. A.2).

    Attributes:
        priors: names of the K priors, in the order of the columns.
        mean: (K,) mean of each hybrid energy over the ID training features.
        std: (K,) standard deviation of each hybrid energy over the ID training features.
    """

    priors: tuple[str, ...]
    mean: np.ndarray
    std: np.ndarray

    @property
    def spread(self) -> np.ndarray:
        """Divisor of each hybrid energy, (K,): its standard deviation, or 1 where that is 0."""
        return np.where(self.std > 0, self.std, 1.0)

    def standardise(self, hybrid: np.ndarray) -> np.ndarray:
        """Standardise (N, K) hybrid energies: subtract the training mean, divide by the deviation (App. A.2)."""
        return (np.asarray(hybrid, dtype=np.float64) - self.mean) / self.spread

    def select(self, priors: Sequence[str]) -> "Scale":
        """Return the scale of some of the priors, in the order given."""
        columns = self.columns(priors)
        return Scale(tuple(priors), self.mean[columns], self.std[columns])

    def columns(self, priors: Sequence[str]) -> list[int]:
        """Return the column index of each of these priors."""
        return [self.priors.index(p) for p in priors]

    def scores(self, hybrid: np.ndarray, lens: Lens = PLAIN) -> np.ndarray:
        """Compute (N,) HEAT scores of (N, K) hybrid energies through a lens; larger = more out-of-distribution."""
        chosen = self.columns(lens.select_priors(self.priors))
        return compose(self.standardise(hybrid)[:, chosen], lens.beta, lens.weights)


def _validate(energies: np.ndarray, beta: float, weights: Sequence[float] | None) -> tuple[np.ndarray, np.ndarray]:
    """Check the arguments of `compose`; return the energies and weights of the priors whose weight is not 0."""
    energies = np.asarray(energies, dtype=np.float64)
    if energies.ndim != 2 or energies.shape[1] == 0:
        raise HeatError(f"compose needs energies of shape (N, K) with K ≥ 1, not {energies.shape}.")
    if not np.isfinite(energies).all():
        raise HeatError("compose needs finite energies: some are NaN or infinite.")
    if math.isnan(beta):
        raise HeatError("β must be a number or ±inf, not NaN.")
    k = energies.shape[1]
    if weights is None:
        return energies, np.ones(k)
    shares = np.asarray(weights, dtype=np.float64)
    if shares.shape != (k,) or not np.isfinite(shares).all() or (shares < 0).any() or not shares.sum() > 0:
        raise HeatError(f"The weights of {k} priors must be {k} numbers of 0 or more, and not all 0.")
    positive = shares > 0
    return energies[:, positive], shares[positive]
