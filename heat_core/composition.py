"""Composition of K standardised hybrid energies by one parameter, β (Eq. 7, App. A.2).

`Lens` says how a person composes, `Scale` what a run composes. Together they are the only way from hybrid energies to
HEAT's scores: the command line, the app, tables and new images all take it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from heat_core.errors import HeatError
from heat_core.metrics import require_alpha, threshold95, threshold_at

HEAT = "heat"  # the name of HEAT among the detectors
_SERIES_BELOW = 1e-6  # below this |β(E - mean)| two terms of the expansion are exact in float64


def compose(energies: np.ndarray, beta: float = 0.0, weights: Sequence[float] | None = None) -> np.ndarray:
    """Compose energies: `(logsumexp_k(β E_k) - log K) / β` (Eq. 7).

    The `-log K` makes the operator continuous in β and changes no ranking. It is the mean at β = 0, the maximum
    at β = +∞ and the minimum at β = -∞, and it is exact for every β in between, tiny or huge.

    Args:
        energies: (N, K) finite energies, larger = more out-of-distribution.
        beta: any real number, or ±inf.
        weights: K non-negative shares of the priors, which beyond the paper turn the sum over k into
            Σ_k w_k exp(β E_k) / Σ_k w_k; a prior of weight 0 takes no part. Default: all alike.

    Returns:
        (N,) float64.

    Raises:
        HeatError: where `energies` is not (N, K ≥ 1) or not finite, β is NaN, or the weights do not fit.
    """
    energies, shares = _validate(energies, beta, weights)
    if math.isinf(beta):
        return energies.max(axis=1) if beta > 0 else energies.min(axis=1)

    def average(values: np.ndarray) -> np.ndarray:
        return (values * shares).sum(axis=1) / shares.sum()

    mean = average(energies)
    centred = energies - mean[:, None]
    # The shift is the extreme that dominates the sum, so that no exponent is positive.
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
    """∂compose/∂E_k = softmax_k(β E_k + log w_k): how much each prior counts in a sample's score. (N, K), rows
    sum to 1; at β = ±∞ the extreme one has all of it.
    """
    energies, shares = _validate(energies, beta, weights)
    if math.isinf(beta):
        extreme = energies == compose(energies, beta)[:, None]
        return extreme / extreme.sum(axis=1, keepdims=True)
    scaled = beta * energies
    unnormalised = shares * np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return unnormalised / unnormalised.sum(axis=1, keepdims=True)


def format_beta(beta: float) -> str:
    """β as it is printed: −0.3, −∞, +∞."""
    return ("−∞" if beta < 0 else "+∞") if math.isinf(beta) else f"{beta:g}".replace("-", "−")


@dataclass(frozen=True)
class Lens:
    """How HEAT is composed and what its threshold is. Hashable: whatever depends on it can be cached.

    Attributes:
        beta: of the composition (Eq. 7).
        priors: those that are composed, by name; None = all of the run.
        weights: one for each of them, see `compose`; None = all alike.
        threshold: of HEAT's score; None = 95 % of the ID test images stay below it.
        alpha: a false-alarm rate that sets the threshold instead (see `metrics.threshold_at`).
    """

    beta: float = 0.0
    priors: tuple[str, ...] | None = None
    weights: tuple[float, ...] | None = None
    threshold: float | None = None
    alpha: float | None = None

    def __post_init__(self) -> None:
        for name in ("priors", "weights"):  # lists are as good, but cannot be hashed
            if (given := getattr(self, name)) is not None:
                object.__setattr__(self, name, tuple(given))
        if self.priors is not None and len(set(self.priors)) < len(self.priors):
            raise HeatError(f"A prior was named twice in {', '.join(self.priors)}: name each one once.")
        if self.alpha is not None:
            require_alpha(self.alpha)
            if self.threshold is not None:
                raise HeatError("A threshold and a false-alarm rate were given: each sets the line, give one of them.")

    def threshold_for(self, detector: str, id_scores: np.ndarray) -> float:
        """The threshold above which a detector with these scores of the ID test set calls a sample OOD. `threshold` and
        `alpha` apply to HEAT; every other detector's is at 95 % of ID."""
        if detector == HEAT and self.threshold is not None:
            return self.threshold
        return threshold_at(id_scores, self.alpha) if detector == HEAT and self.alpha else threshold95(id_scores)

    def threshold_label(self, detector: str) -> str:
        """How figures call the threshold of a detector."""
        if detector != HEAT or (self.threshold is None and self.alpha is None):
            return "95 % of ID"
        return f"α = {100 * self.alpha:.3g} %" if self.alpha else "your line"

    def select_priors(self, priors: Sequence[str]) -> tuple[str, ...]:
        """Which of a run's priors are composed; HeatError where it has not got them, or none."""
        chosen = tuple(priors) if self.priors is None else self.priors
        missing = [p for p in chosen if p not in priors]
        if missing or not chosen:
            what = f"has no residual for {missing[0]!r}" if missing else "needs at least one prior to compose"
            raise HeatError(f"This run {what}: it has {', '.join(priors) or 'none yet'}.")
        return chosen


PLAIN = Lens()  # the paper's: β = 0 over all priors


@dataclass(frozen=True)
class Scale:
    """The scale on which a run's hybrid energies are composed.

    Attributes:
        priors: K names, in the order of the columns.
        mean: (K,) of the hybrid energies on training features.
        std: (K,) of the same.
    """

    priors: tuple[str, ...]
    mean: np.ndarray
    std: np.ndarray

    @property
    def spread(self) -> np.ndarray:
        """(K,) what is divided by: the standard deviation, or 1 where there is none."""
        return np.where(self.std > 0, self.std, 1.0)

    def standardise(self, hybrid: np.ndarray) -> np.ndarray:
        """(N, K) hybrid energies → (N, K): less the training mean, over the training deviation (App. A.2)."""
        return (np.asarray(hybrid, dtype=np.float64) - self.mean) / self.spread

    def select(self, priors: Sequence[str]) -> "Scale":
        """The same scale of some of the priors, in their order."""
        columns = self.columns(priors)
        return Scale(tuple(priors), self.mean[columns], self.std[columns])

    def columns(self, priors: Sequence[str]) -> list[int]:
        """Where these priors stand."""
        return [self.priors.index(p) for p in priors]

    def scores(self, hybrid: np.ndarray, lens: Lens = PLAIN) -> np.ndarray:
        """(N, K) hybrid energies → (N,) HEAT scores through a lens; larger = more out-of-distribution."""
        chosen = self.columns(lens.select_priors(self.priors))
        return compose(self.standardise(hybrid)[:, chosen], lens.beta, lens.weights)


def _validate(energies: np.ndarray, beta: float, weights: Sequence[float] | None) -> tuple[np.ndarray, np.ndarray]:
    """Energies of the priors that take part, and their weights."""
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
