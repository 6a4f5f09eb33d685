"""Traits of samples that questions ask for, as bits of one byte per sample."""

import numpy as np

from heat_core.analysis.samples import Samples

MISCLASSIFIED, MISLABELLED, LOOKS_KNOWN, DUPLICATE = 1, 2, 4, 8
SURE = 0.9  # confidence from which a prediction is sure


def traits(samples: Samples) -> np.ndarray:
    """Return the (N,) uint8 traits of the samples.

    Bits: 1 misclassified; 2 likely mislabelled; 4 predicted with a confidence of at least `SURE` and with nearly all of
    the nearest training images of that class; 8 near-duplicate of another image of the run. A trait that was not
    measured is nobody's.
    """
    bits = np.where(samples.is_misclassified, MISCLASSIFIED, 0)
    one_class = values_of(samples, "has_one_class_nearby")
    if one_class is not None:
        bits |= np.where(one_class & (samples.confidence >= SURE), LOOKS_KNOWN, 0)
    for bit, name in ((MISLABELLED, "is_mislabelled"), (DUPLICATE, "is_duplicate")):
        if (values := values_of(samples, name)) is not None:
            bits |= np.where(values, bit, 0)
    return bits.astype(np.uint8)


def values_of(samples: Samples, name: str) -> np.ndarray | None:
    """Return a measurement of all samples, False or NaN for sets that lack it; None where no set has it.

    Args:
        samples: the samples.
        name: name of an array of `SetMeasurements`.
    """
    given = [getattr(of_set, name) for of_set in samples.measurements]
    example = next((values for values in given if values is not None), None)
    if example is None:
        return None
    missing = False if example.dtype == bool else np.nan
    return np.concatenate(
        [
            np.full((size, *example.shape[1:]), missing, example.dtype) if values is None else values
            for size, values in zip(samples.sizes, given, strict=True)
        ]
    )
