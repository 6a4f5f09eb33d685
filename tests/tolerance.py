"""How close two results of the same floating-point arithmetic must be when its sums are taken in another order."""

import numpy as np


def assert_close_in_norm(actual, expected, tolerance: float) -> None:
    """Assert that the Frobenius norm of the difference is at most `tolerance` times that of what is expected.

    Entry by entry a sum that cancels has no relative precision at all, and how large its rounding is depends on the
    order in which the processor adds.
    """
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    assert actual.shape == expected.shape
    assert np.linalg.norm(actual - expected) <= tolerance * np.linalg.norm(expected)
