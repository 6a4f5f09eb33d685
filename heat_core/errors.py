"""The exceptions of the library, and sentences that describe any exception to a person."""


class HeatError(ValueError):
    """Error that a person can correct. Its message is one sentence that states the problem and the remedy."""


class Cancelled(Exception):  # noqa: N818 (a request, not an error)
    """Request to stop the job. Everything that was finished before it is on disk."""


_OUT_OF_MEMORY = (
    "can't allocate memory",
    "cannot allocate memory",
    "out of memory",
    "unable to allocate",
    "not enough memory",
    "failed to map segment",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of Python, numpy, torch or the system means that memory is exhausted."""
    message = str(error).lower()
    return isinstance(error, MemoryError) or any(phrase in message for phrase in _OUT_OF_MEMORY)


def describe_error(error: BaseException) -> str:
    """Describe any error to a person: the message of a HeatError, else a sentence with its type and message."""
    if isinstance(error, HeatError):
        return str(error)
    if is_out_of_memory(error):
        return (
            "There is not enough memory: close other programs, give the process more, or choose a smaller batch size, "
            "image size or limit; then resume, whatever was finished is kept."
        )
    return f"Unexpected error: {type(error).__name__}: {error}."
