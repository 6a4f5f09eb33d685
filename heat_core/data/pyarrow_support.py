"""pyarrow, which reads and writes tables: of an extra, so that it is imported where a table is."""

from typing import Any

import numpy as np

from heat_core.errors import HeatError


def arrow() -> Any:
    """pyarrow; HeatError where it is not installed."""
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.csv
        import pyarrow.parquet
    except ImportError as error:
        raise HeatError("Manifests and Parquet files need pyarrow: pip install 'heat-explorer[parquet]'.") from error
    return pyarrow


def to_arrow(values: np.ndarray) -> Any:
    """An Arrow array of numbers or texts, null where one is NaN or empty."""
    pa = arrow()
    if values.dtype == object:
        return pa.array(values, pa.string(), mask=values == "")
    return pa.array(values, mask=np.isnan(values))
