"""Composition of K standardised hybrid energies by one parameter, β (Eq. 7, App. A.2)."""

import math
from collections.abc import Sequence

import numpy as np

from heat_core.errors import HeatError

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
    energies, weights = _checked(energies, beta, weights)
    if math.isinf(beta):
        return energies.max(axis=1) if beta > 0 else energies.min(axis=1)

    def average(values: np.ndarray) -> np.ndarray:
        return (values * weights).sum(axis=1) / weights.sum()

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
    """∂compose/∂E_k = softmax_k(β E_k + log w_k): how much each prior has its say in a sample's score. (N, K), rows
    sum to 1; at β = ±∞ the extreme one has all of it."""
    energies, weights = _checked(energies, beta, weights)
    if math.isinf(beta):
        extreme = energies == compose(energies, beta)[:, None]
        return extreme / extreme.sum(axis=1, keepdims=True)
    scaled = beta * energies
    unnormalised = weights * np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return unnormalised / unnormalised.sum(axis=1, keepdims=True)


def _checked(energies, beta: float, weights) -> tuple[np.ndarray, np.ndarray]:
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
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != (k,) or not np.isfinite(weights).all() or (weights < 0).any() or not weights.sum() > 0:
        raise HeatError(f"The weights of {k} priors must be {k} numbers of 0 or more, and not all 0.")
    taking_part = weights > 0
    return energies[:, taking_part], weights[taking_part]


def beta_text(beta: float) -> str:
    """β as it is printed: −0.3, −∞, +∞."""
    return ("−∞" if beta < 0 else "+∞") if math.isinf(beta) else f"{beta:g}".replace("-", "−")


def standardise(energies: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Subtract the training mean and divide by the training standard deviation (App. A.2): (N, K) → (N, K)."""
    return (np.asarray(energies, dtype=np.float64) - mean) / np.where(np.asarray(std) > 0, std, 1.0)
