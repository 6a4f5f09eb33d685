"""JSON as RFC 8259 defines it, which other programs can read: it has no NaN and no infinity."""

import json
import math
from collections.abc import Mapping
from typing import Any


def to_json(value: Any, indent: int | None = None) -> str:
    """Write a value as JSON; numbers that are not finite become null.

    Args:
        value: dictionaries, lists, texts, numbers, booleans and None.
        indent: spaces of a level; None = all on one line.
    """
    return json.dumps(_finite(value), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_finite_key(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _finite_key(key: Any) -> Any:
    """Return a key as text where json would write a number that JSON does not have."""
    return str(key) if isinstance(key, float) else key
