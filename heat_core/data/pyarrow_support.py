"""Import of pyarrow, which is an optional dependency and therefore imported only when a table is read or written."""

from typing import Any

import numpy as np

from heat_core.errors import HeatError


def arrow() -> Any:
    """Import pyarrow with its modules for CSV, Parquet and compute.

    Raises:
        HeatError: if pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise HeatError("Manifests and Parquet files need pyarrow: pip install 'heat-explorer[parquet]'.") from error
    return pyarrow


def to_arrow(values: np.ndarray) -> Any:
    """Convert numbers or texts to an Arrow array; NaN and empty texts become null."""
    pa = arrow()
    if values.dtype == object:
        return pa.array(values, pa.string(), mask=values == "")
    return pa.array(values, mask=np.isnan(values))
