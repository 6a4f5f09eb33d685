"""Memory: give back what was read of large mapped files, and refuse work where too little is left."""

import mmap

import numpy as np

from heat_core.errors import HeatError, describe_error

LARGE_FILE = 2**28  # bytes; pages of a mapped file that is smaller stay in memory
_REQUIRED = 512 << 20  # bytes of addresses; timm and the pipeline take 450 MB


def release_pages(column: object) -> None:
    """Give what was read of a large mapped file back to the system, which would count it as memory of this process."""
    if isinstance(column, np.memmap) and column.nbytes >= LARGE_FILE and hasattr(mmap, "MADV_DONTNEED"):
        column._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


def require_memory() -> None:
    """Refuse work where less than 512 MB of addresses are left once torch is loaded.

    What comes next imports timm, and an import that runs out of memory may never return: Python goes on trying.

    Raises:
        HeatError: there is not enough memory.
    """
    import torch  # noqa: F401 (its libraries take most of the address space)

    try:
        mmap.mmap(-1, _REQUIRED).close()  # reserved, never touched
    except (OSError, MemoryError) as error:
        raise HeatError(describe_error(MemoryError())) from error
