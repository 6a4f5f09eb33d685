"""Composition of K standardised hybrid energies by one parameter, β (Eq. 7, App. A.2)."""

import math

import numpy as np

from heat_core.errors import HeatError

_SERIES_BELOW = 1e-6  # below this |β(E - mean)| two terms of the expansion are exact in float64


def compose(energies: np.ndarray, beta: float = 0.0) -> np.ndarray:
    """Compose energies: `(logsumexp_k(β E_k) - log K) / β` (Eq. 7).

    The `-log K` makes the operator continuous in β and changes no ranking. It is the mean at β = 0, the maximum
    at β = +∞ and the minimum at β = -∞, and it is exact for every β in between, tiny or huge.

    Args:
        energies: (N, K) finite energies, larger = more out-of-distribution.
        beta: any real number, or ±inf.

    Returns:
        (N,) float64.

    Raises:
        HeatError: where `energies` is not (N, K ≥ 1) or not finite, or β is NaN.
    """
    energies = np.asarray(energies, dtype=np.float64)
    if energies.ndim != 2 or energies.shape[1] == 0:
        raise HeatError(f"compose needs energies of shape (N, K) with K ≥ 1, not {energies.shape}.")
    if not np.isfinite(energies).all():
        raise HeatError("compose needs finite energies: some are NaN or infinite.")
    if math.isnan(beta):
        raise HeatError("β must be a number or ±inf, not NaN.")
    if math.isinf(beta):
        return energies.max(axis=1) if beta > 0 else energies.min(axis=1)

    mean = energies.mean(axis=1)
    centred = energies - mean[:, None]
    # The shift is the extreme that dominates the sum, so that no exponent is positive.
    extreme = centred.max(axis=1) if beta >= 0 else centred.min(axis=1)
    shifted = beta * (centred - extreme[:, None])
    small = np.abs(beta) * np.abs(centred).max(axis=1)
    if (small < _SERIES_BELOW).all():
        return mean + 0.5 * beta * (centred**2).mean(axis=1)
    near_zero = np.log1p(np.expm1(np.clip(beta * centred, -1, 1)).mean(axis=1)) / beta
    elsewhere = extreme + np.log(np.exp(shifted).mean(axis=1)) / beta
    series = 0.5 * beta * (centred**2).mean(axis=1)
    return mean + np.select([small < _SERIES_BELOW, small < 0.5], [series, near_zero], elsewhere)


def standardise(energies: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Subtract the training mean and divide by the training standard deviation (App. A.2): (N, K) → (N, K)."""
    return (np.asarray(energies, dtype=np.float64) - mean) / np.where(np.asarray(std) > 0, std, 1.0)
