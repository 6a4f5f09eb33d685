"""Memory limits: release pages of large mapped files, and refuse work if too little memory is left."""

import mmap

import numpy as np

from heat_core.errors import HeatError, describe_error

LARGE_FILE = 2**28  # bytes; pages of smaller mapped files stay in memory
_REQUIRED = 512 << 20  # bytes of address space; timm and the pipeline take 450 MB


def release_pages(column: object) -> None:
    """Release the pages of a large mapped array, which the system would count as memory of this process.

    Arrays that are smaller than `LARGE_FILE`, or not mapped, are left as they are.
    """
    if isinstance(column, np.memmap) and column.nbytes >= LARGE_FILE and hasattr(mmap, "MADV_DONTNEED"):
        column._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


def require_memory() -> None:
    """Refuse work if less than 512 MiB of address space is left once torch is loaded.

    The work imports timm next, and Python retries an import that runs out of memory without end.

    Raises:
        HeatError: if there is not enough memory.
    """
    import torch  # noqa: F401 (torch's libraries take most of the address space)

    try:
        mmap.mmap(-1, _REQUIRED).close()  # reserved, never touched
    except (OSError, MemoryError) as error:
        raise HeatError(describe_error(MemoryError())) from error
