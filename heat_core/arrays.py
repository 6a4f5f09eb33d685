"""Numbers from outside, as arrays: tensors of any device and type, lists, arrays."""

from typing import Any

import numpy as np

from heat_core.errors import HeatError


def to_array(values: Any) -> np.ndarray:
    """Return an array as it is, and a tensor or a list as an array; torch is not imported."""
    if isinstance(values, np.ndarray):
        return values
    if hasattr(values, "detach"):  # a tensor of torch, perhaps a parameter or on a GPU
        try:
            values = values.detach().cpu()
            return (values.float() if "bfloat16" in str(values.dtype) else values).numpy()  # numpy has no bfloat16
        except (TypeError, RuntimeError):  # a sparse tensor, or one without data
            return np.array(None)
    try:
        return np.asarray(values)
    except ValueError:  # rows of different lengths
        return np.asarray(values, dtype=object)


def require_numbers(values: Any, name: str, shape: str) -> np.ndarray:
    """Return numbers as an array.

    Args:
        values: array, tensor or list.
        name: name of the argument, for the error.
        shape: shape that it must have, such as `(N, D)`, of which the number of dimensions is checked.

    Raises:
        HeatError: where it holds no numbers, or has another number of dimensions.
    """
    array = to_array(values)
    if array.dtype.kind not in "fiub" or array.ndim != shape.strip("(,)").count(",") + 1:
        kind = f"{array.dtype} {array.shape}" if array.ndim else type(values).__name__
        raise HeatError(f"{name} must be an array or tensor of numbers {shape}, not {kind}.")
    return array


def require_head(head: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return weight (C, D) and bias (C,) of a linear head as arrays.

    Raises:
        HeatError: where the head is no such pair.
    """
    if not isinstance(head, tuple | list) or len(head) != 2:
        raise HeatError(f"head must be a pair of weight (C, D) and bias (C,), not {type(head).__name__}.")
    weight, bias = (
        require_numbers(head[0], "The weight of head", "(C, D)"),
        require_numbers(head[1], "The bias", "(C,)"),
    )
    if len(weight) != len(bias):
        raise HeatError(f"head has a weight {weight.shape} and a bias {bias.shape}: both need a row for each class.")
    return weight, bias
