"""The one exception that carries a sentence for a person."""

import mmap


class HeatError(ValueError):
    """Something a person can mend. Its message is one sentence that says what to do."""


class Cancelled(Exception):  # noqa: N818 (a request, not an error)
    """The job was asked to stop; everything finished so far is on disk."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory left: Python's, numpy's, torch's, the system's."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or any(words in said for words in _NO_MEMORY)


_NO_MEMORY = (
    "can't allocate memory",
    "cannot allocate memory",
    "out of memory",
    "unable to allocate",
    "not enough memory",
    "failed to map segment",
)


def sentence_of(error: BaseException) -> str:
    """What to tell a person of any error."""
    if isinstance(error, HeatError):
        return str(error)
    if is_out_of_memory(error):
        return (
            "There is not enough memory: close other programs, give the process more, or choose a smaller batch size, "
            "image size or limit; then resume, whatever was finished is kept."
        )
    return f"Unexpected error: {type(error).__name__}: {error}."


def require_room() -> None:
    """Refuse work where less than `_ROOM` can be had once torch is there.

    What comes next imports timm, and an import that runs out of memory may never return: Python goes on trying.

    Raises:
        HeatError: there is not enough memory.
    """
    import torch  # noqa: F401 (its libraries take most of the address space)

    try:
        mmap.mmap(-1, _ROOM).close()  # reserved, never touched
    except (OSError, MemoryError) as error:
        raise HeatError(sentence_of(MemoryError())) from error


_ROOM = 512 << 20  # bytes; timm and the pipeline take 450 MB of addresses
