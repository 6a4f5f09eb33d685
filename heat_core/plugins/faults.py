"""Errors of plugins: which plugin failed, and checks of the arrays that it gives back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from heat_core.errors import Cancelled, HeatError, is_out_of_memory
from heat_core.names import printable
from heat_core.plugins.discovery import PluginError


@contextmanager
def blaming(origin: str) -> Iterator[None]:
    """Turn every error of the block into a `PluginError` that names the plugin; "" leaves all errors as they are.

    Args:
        origin: name and version of the plugin, see `Registry.origin`.
    """
    try:
        yield
    except (Cancelled, PluginError):
        raise
    except Exception as error:
        if not origin or is_out_of_memory(error):
            raise
        what = str(error) if isinstance(error, HeatError) else f"{type(error).__name__}: {error}."
        raise PluginError(f"{printable(' '.join(what.split()))} (This comes from {origin}.)") from error


def checked_array(values: Any, shape: tuple[int, ...], what: str) -> Any:
    """Return an array or tensor of a plugin if it has numbers of the right shape, all finite.

    Raises:
        HeatError: naming `what` otherwise.
    """
    import torch

    if not isinstance(values, np.ndarray | torch.Tensor) or tuple(values.shape) != shape:
        found = tuple(values.shape) if hasattr(values, "shape") else type(values).__name__
        raise HeatError(f"its {what} is {found}: it must be an array {shape}.")
    if isinstance(values, torch.Tensor):
        is_finite = not values.is_complex() and bool(torch.isfinite(values).all())
    else:
        is_finite = values.dtype.kind in "fiub" and bool(np.isfinite(values).all())
    if not is_finite:
        raise HeatError(f"its {what} has values that are NaN, infinite or no numbers.")
    return values
