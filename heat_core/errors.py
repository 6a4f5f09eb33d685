"""The exceptions of the library, and what to tell a person of any other."""


class HeatError(ValueError):
    """Something a person can mend. Its message is one sentence that says what to do."""


class Cancelled(Exception):  # noqa: N818 (a request, not an error)
    """The job was asked to stop; everything finished so far is on disk."""


_OUT_OF_MEMORY = (
    "can't allocate memory",
    "cannot allocate memory",
    "out of memory",
    "unable to allocate",
    "not enough memory",
    "failed to map segment",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is no memory left: Python's, numpy's, torch's, the system's."""
    message = str(error).lower()
    return isinstance(error, MemoryError) or any(phrase in message for phrase in _OUT_OF_MEMORY)


def describe_error(error: BaseException) -> str:
    """What to tell a person of any error."""
    if isinstance(error, HeatError):
        return str(error)
    if is_out_of_memory(error):
        return (
            "There is not enough memory: close other programs, give the process more, or choose a smaller batch size, "
            "image size or limit; then resume, whatever was finished is kept."
        )
    return f"Unexpected error: {type(error).__name__}: {error}."
