"""The one exception that carries a sentence for a person."""


class HeatError(ValueError):
    """Something a person can mend. Its message is one sentence that says what to do."""


class Cancelled(Exception):  # noqa: N818 (a request, not an error)
    """The job was asked to stop; everything finished so far is on disk."""
