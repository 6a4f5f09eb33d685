"""Display of the progress of long work on standard error: a bar on a terminal, plain lines in a pipe or a file."""

import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any, TextIO

from heat_core.names import printable

_LINE_INTERVAL = 5.0  # seconds between plain lines that differ only in their numbers
_NUMBER = re.compile(r"[-+]?\d[\d.,]*(?:e[-+]?\d+)?|\b(?:nan|inf)\b")
_COUNT_OF_IMAGES = re.compile(r"\d+ of \d+ images$")
_LOGGED_STAGES = ("study", "detectors")  # their sentences are printed above the bar


@dataclass(frozen=True)
class Report:
    """One report of long work.

    Attributes:
        stage: stage of the work.
        message: sentence that is shown.
        values: further values of the report, under the keys of `Event`.
    """

    stage: str
    message: str
    values: dict[str, Any]

    @property
    def subject(self) -> str:
        """Set, prior or detector that the report is about; "" if it names none."""
        return str(next((self.values[key] for key in ("dataset", "prior", "detector") if key in self.values), ""))

    @property
    def count(self) -> tuple[int, int, str] | None:
        """Number of units done, their total, and the name of the unit; None if the report has no count."""
        values = self.values
        if "steps" in values:
            return (values["epoch"] - 1) * values["steps"] + values["step"], values["epochs"] * values["steps"], "step"
        if "epoch" in values:
            return values["epoch"], values["epochs"], "epoch"
        if "done" in values and values.get("total"):
            return values["done"], values["total"], {"study": "run", "detectors": "detector"}.get(self.stage, "image")
        return None

    @property
    def wording(self) -> tuple[object, ...]:
        """Key of the step of the work: equal for two reports that differ only in their numbers."""
        is_repeat = "epoch" in self.values
        text = "" if is_repeat else _NUMBER.sub("#", self.message)
        return self.stage, self.subject, text, self.values.get("done") if self.stage == "study" else None

    @property
    def line(self) -> str:
        """Plain line that shows the report."""
        rate = f" · {self.values['images_per_s']:.0f} images/s" if "images_per_s" in self.values else ""
        left = f" · {self.values['eta']:.0f} s left" if self.values.get("eta") else ""
        return printable(f"[{self.stage}] {self.message}{rate}{left}")

    @property
    def details(self) -> str:
        """Text that a bar shows after its numbers."""
        if "loss" in self.values:
            accuracy = f", accuracy {self.values['accuracy']:.1%}" if "accuracy" in self.values else ""
            return f"loss {self.values['loss']:.4f}{accuracy}"
        return "" if _COUNT_OF_IMAGES.search(self.message) else printable(self.message.partition(" · ")[0])


class ProgressDisplay:
    """Display of reports, one after the other.

    On a terminal, work with a count is one bar with stage, rate and time left. Elsewhere it is plain lines: the first
    and the last of each step, and one every `interval` seconds between them. Other sentences are always printed.

    Args:
        interval: seconds between two plain lines of the same step.
        clock: returns the time in seconds.
        file: stream that shows the reports; None = the standard error stream at the time of each report.
    """

    def __init__(
        self,
        interval: float = _LINE_INTERVAL,
        clock: Callable[[], float] = monotonic,
        file: TextIO | None = None,
    ) -> None:
        self._interval, self._clock, self._file = interval, clock, file
        self._printed_at = 0.0
        self._last_report: Report | None = None
        self._is_last_printed = True
        self._bar: Any = None
        self._bar_key: tuple[str, str, str] | None = None

    @property
    def _stream(self) -> TextIO:
        return sys.stderr if self._file is None else self._file

    def report(self, stage: str, message: str = "", **values: Any) -> None:
        """Show a report. If the reader of standard error has ended (`2>&1 | head`), later reports are discarded.

        Args:
            stage: stage of the work.
            message: sentence that is shown.
            values: further values of the report, under the keys of `Event`.
        """
        report = Report(stage, message, values)
        try:
            if report.count and _is_terminal(self._stream):
                self._update_bar(report)
            else:
                self._close_bar_unless_logged(report)
                self._print_sometimes(report)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())

    def close(self) -> None:
        """End the bar, and print the last report if it was held back."""
        try:
            self._print_held_back()
            self._close_bar()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
        self._last_report = None

    def _print_sometimes(self, report: Report) -> None:
        """Print a report if its step is new or complete, or if the interval has passed; hold it back otherwise."""
        is_new = self._last_report is None or self._last_report.wording != report.wording
        if is_new:
            self._print_held_back()
        is_complete = report.count is not None and report.count[0] >= report.count[1]
        is_due = is_new or is_complete or self._clock() - self._printed_at >= self._interval
        self._last_report, self._is_last_printed = report, is_due
        if is_due:
            self._print(report)

    def _print_held_back(self) -> None:
        if self._last_report and not self._is_last_printed:
            self._print(self._last_report)
            self._is_last_printed = True

    def _print(self, report: Report) -> None:
        self._printed_at = self._clock()
        if self._bar is not None:
            self._bar.write(report.line, file=self._stream)
        elif self._stream is not None:
            print(report.line, file=self._stream, flush=True)

    def _update_bar(self, report: Report) -> None:
        count = report.count
        assert count is not None
        done, total, unit = count
        key = (report.stage, "" if report.stage in _LOGGED_STAGES else report.subject, unit)
        if self._bar is None or self._bar_key != key or self._bar.total != total or done < self._bar.n:
            self._print_held_back()
            self._close_bar()
            self._bar, self._bar_key = _new_bar(report, self._stream), key
        if report.stage in _LOGGED_STAGES:
            self._print_sometimes(report)
        self._bar.set_postfix_str(report.details, refresh=False)
        self._bar.update(done - self._bar.n)

    def _close_bar_unless_logged(self, report: Report) -> None:
        """End the bar if another stage begins; sentences of the same stage are printed above it."""
        if self._bar_key and self._bar_key[0] != report.stage:
            self._close_bar()

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = self._bar_key = None


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def _new_bar(report: Report, stream: TextIO) -> Any:
    """Make a bar; it starts at the count already done, so that its rate is that of this process alone."""
    from tqdm import tqdm

    assert report.count is not None
    done, total, unit = report.count
    tqdm.monitor_interval = 0  # tqdm must not start a thread, because the work forks processes
    subject = "" if report.stage in _LOGGED_STAGES else report.subject
    title = printable(f"[{report.stage}] {subject}".strip())
    return tqdm(desc=title, initial=done, total=total, unit=f" {unit}s", file=stream, dynamic_ncols=True)
