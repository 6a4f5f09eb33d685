"""Percentile of all numbers of a column, which is read block by block."""

import numpy as np

from heat_core.features.chunks import blocks
from heat_core.types import Rows

SAMPLE_VALUES = 2**18  # size of the sample that gives bounds of the percentile
_SIGMAS = 6


def percentile(z: Rows, q: float, sample_values: int = SAMPLE_VALUES) -> float:
    """Compute `np.percentile(z, q)` exactly: only numbers near it are kept, others are counted (Floyd & Rivest, 1975).

    Args:
        z: (N, D) numbers.
        q: percentile between 0 and 100.
        sample_values: size of the sample from which the bounds of the kept numbers are estimated.
    """
    n = len(z) * z.shape[1]
    position = q / 100 * (n - 1)
    first, second = int(np.floor(position)), int(np.ceil(position))
    below, near = _values_between(z, *_bracket(z, q / 100, sample_values))
    if not below <= first <= second < below + len(near):  # the bounds are wrong
        below, near = _values_between(z, -np.inf, np.inf)
    near = np.partition(near, [first - below, second - below]).astype(np.float64)
    low, high = near[first - below], near[second - below]
    return float(low + (position - first) * (high - low))


def _bracket(z: Rows, share: float, sample_values: int) -> tuple[float, float]:
    sample = np.sort(np.asarray(z[:: max(len(z) * z.shape[1] // sample_values, 1)]).ravel())
    spread = _SIGMAS * np.sqrt(len(sample) * share * (1 - share)) + _SIGMAS
    low, high = share * len(sample) - spread, share * len(sample) + spread
    return (
        float(sample[int(low)]) if low > 0 else -np.inf,
        float(sample[int(high)]) if high < len(sample) else np.inf,
    )


def _values_between(z: Rows, low: float, high: float) -> tuple[int, np.ndarray]:
    """Count the numbers below `low`, and collect those from `low` to `high`."""
    below, near = 0, []
    for _, block in blocks(z):
        not_below = block >= low
        below += block.size - int(np.count_nonzero(not_below))
        not_below &= block <= high
        near.append(block[not_below])
    return below, np.concatenate(near)
