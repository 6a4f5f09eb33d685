"""Output functions and option parsing that several verbs share."""

import argparse
import signal
import sys
from typing import Any, TextIO

from heat_core.cli.progress_display import ProgressDisplay
from heat_core.composition import Lens
from heat_core.errors import Cancelled, HeatError
from heat_core.names import printable
from heat_core.runs.events import Event
from heat_core.runs.run import Run

_progress = ProgressDisplay()  # one per process, because its bar occupies the last line of the terminal


def print_line(line: object, file: TextIO | None = None) -> None:
    """End the progress bar, and print one line, made printable.

    Args:
        line: object whose text is printed.
        file: stream that the line goes to; None = standard output.
    """
    close_progress()
    print(printable(str(line)), file=file, flush=file is not None)


def print_event(event: Event) -> None:
    """Show an event of a job on standard error: as a progress bar on a terminal, else as a line every few seconds."""
    more: dict[str, Any] = {name: value for name, value in event.items() if name not in ("stage", "message")}
    _progress.report(event["stage"], event["message"], **more)


def print_stage(stage: str, message: str = "", **more: Any) -> None:
    """Show a report on standard error, as `print_event` does."""
    _progress.report(stage, message, **more)


def close_progress() -> None:
    """End the progress bar, and print the last report that was held back."""
    _progress.close()


def lens_from_options(options: argparse.Namespace, run: Run) -> Lens:
    """Build the lens that `--beta` and `--priors` describe."""
    priors = getattr(options, "priors", None)
    return Lens(_parse_beta(options.beta, run), None if priors is None else tuple(priors))


def _parse_beta(text: str, run: Run) -> float:
    if text == "auto":
        if run.suggested_beta is None:
            raise HeatError(f"Run {run.id} has no β chosen without OOD data: resume it with `job`.")
        return run.suggested_beta
    try:
        return float(text)
    except ValueError:
        raise HeatError(f"β is {text!r}: write a number, inf, -inf or auto.") from None


def stop_on_sigterm() -> None:
    """Cancel the work on SIGTERM, so that what was finished is kept."""

    def stop(*_: object) -> None:
        raise Cancelled

    signal.signal(signal.SIGTERM, stop)


def print_invalid_rows(sentences: list[str]) -> None:
    """Print the rows of manifests that were left out, on standard error."""
    for sentence in sentences:
        print_line(f"left out: {sentence}", sys.stderr)
