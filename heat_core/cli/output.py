"""What the verbs say on the terminal, and what their common options mean."""

import argparse
import os
import signal
import sys
from typing import Any, TextIO

from heat_core.composition import Lens
from heat_core.errors import Cancelled, HeatError
from heat_core.runs.events import Event
from heat_core.runs.run import Run
from heat_core.storage import printable


def say(line: object, to: TextIO | None = None) -> None:
    """One line on the terminal, whatever foreign names it holds."""
    print(printable(str(line)), file=to, flush=to is not None)


def lens_of(o: argparse.Namespace, run: Run) -> Lens:
    priors = getattr(o, "priors", None)
    return Lens(_beta(o.beta, run), None if priors is None else tuple(priors))


def _beta(text: str, run: Run) -> float:
    if text == "auto":
        if run.suggested_beta is None:
            raise HeatError(f"Run {run.id} has no β chosen without OOD data: resume it with `job`.")
        return run.suggested_beta
    try:
        return float(text)
    except ValueError:
        raise HeatError(f"β is {text!r}: write a number, inf, -inf or auto.") from None


def stop_on_sigterm() -> None:
    def stop(*_: object) -> None:
        raise Cancelled

    signal.signal(signal.SIGTERM, stop)


def print_event(event: Event) -> None:
    more = f" · {event['images_per_s']:.0f} images/s" if "images_per_s" in event else ""
    more += f" · {event['eta']:.0f} s left" if event.get("eta") else ""
    print_stage(event["stage"], event["message"] + more)


def print_stage(stage: str, message: str = "", **more: Any) -> None:  # noqa: ARG001 (a Progress)
    """What is done now. Where nobody reads that any longer (`2>&1 | head`), the work goes on."""
    try:
        say(f"[{stage}] {message}", sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
