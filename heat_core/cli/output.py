"""Output functions and option parsing that several verbs share."""

import argparse
import itertools
import signal
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any, TextIO

from heat_core.cli.progress_display import ProgressDisplay
from heat_core.composition import Lens
from heat_core.errors import Cancelled, HeatError
from heat_core.json_text import to_json
from heat_core.names import printable
from heat_core.runs.events import Event
from heat_core.runs.run import Run

_LONGEST = 40  # columns of the terminal that a cell may take, unless it is the last of its row
_progress = ProgressDisplay()  # one per process, because its bar occupies the last line of the terminal


def print_line(line: object, file: TextIO | None = None) -> None:
    """End the progress bar, and print one line, made printable.

    Args:
        line: object whose text is printed.
        file: stream that the line goes to; None = standard output.
    """
    close_progress()
    print(printable(str(line)), file=file, flush=file is not None)


def print_json(value: object) -> None:
    """Print a value as one line of JSON (see `json_text.to_json`)."""
    print_line(to_json(value))


def print_table(rows: Sequence[Sequence[str]], align: str = "<>") -> None:
    """Print rows of cells, in columns that are as wide as their widest cell.

    A long cell is shortened in its middle, and printed in full below the table; the last cell of a row is not.

    Args:
        rows: rows of the same number of cells.
        align: for each column `<` (left) or `>` (right); the last one is also that of all further columns.
    """
    shortened: dict[str, str] = {}
    table = [[*(_shorten(printable(cell), shortened) for cell in row[:-1]), *map(printable, row[-1:])] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = []
        for i, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - _width(cell))
            cells.append(space + cell if align[min(i, len(align) - 1)] == ">" else cell + space)
        print_line("  ".join(cells).rstrip())
    for full, short in shortened.items():
        print_line(f"{short} = {full}")


def _shorten(cell: str, shortened: dict[str, str]) -> str:
    """Shorten a long cell to its beginning and end, which `shortened` then maps from the whole cell."""
    if _width(cell) <= _LONGEST:
        return cell
    if cell not in shortened:
        end = _fitting(cell[::-1], _LONGEST // 3)[::-1]
        short = f"{_fitting(cell, _LONGEST // 2)}..{end}"
        same = sum(other.startswith(short) for other in shortened.values())
        shortened[cell] = f"{short}~{same + 1}" if same else short
    return shortened[cell]


def _fitting(text: str, width: int) -> str:
    """Return the beginning of a text that takes at most `width` columns of a terminal."""
    ends = itertools.accumulate(map(_width, text))
    return text[: sum(end <= width for end in ends)]


def _width(text: str) -> int:
    """Return the number of columns of a terminal that a text takes: two for a letter of China, none for an accent."""
    if text.isascii():
        return len(text)
    no_width = sum(unicodedata.category(letter) in ("Mn", "Me", "Cf") for letter in text)
    return len(text) - no_width + sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)


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
