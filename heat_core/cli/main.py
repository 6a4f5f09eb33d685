"""Entry point of the command line: parses the arguments, runs the verb, and turns errors into exit codes."""

import argparse
import io
import os
import sys

from heat_core.cli.output import close_progress
from heat_core.cli.parser import build_parser
from heat_core.errors import Cancelled, HeatError, describe_error, is_out_of_memory
from heat_core.names import printable

_USER_ERROR, _CANCELLED = 2, 130  # exit codes


def main(arguments: list[str] | None = None) -> int:
    """Run a verb.

    Args:
        arguments: arguments after `python -m heat_core`; None = the arguments of this process.

    Returns:
        The exit code: that of the verb (0 if it has none), 2 after an error that a person can correct, 130 if the
        verb was cancelled.
    """
    for stream in (sys.stdout, sys.stderr):  # a file or a pipe may be unable to encode β, or a name that is not UTF-8
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run_verb(sys.argv[1:] if arguments is None else arguments)
    except BrokenPipeError:  # the reader has closed the pipe, as in `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except HeatError as error:
        return _fail(printable(str(error)))
    except (Cancelled, KeyboardInterrupt):
        return _fail("cancelled; what was finished is kept.", _CANCELLED)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return _fail(describe_error(error))
    finally:
        close_progress()


def _run_verb(arguments: list[str]) -> int:
    options = build_parser().parse_args(join_negative_beta(arguments))
    if options.nice and hasattr(os, "nice"):
        os.nice(10)
    _require_no_empty_values(options)
    code = options.do(options)
    close_progress()
    if sys.stdout is not None:
        sys.stdout.flush()
    return code or 0


def _fail(sentence: str, code: int = _USER_ERROR) -> int:
    """End the progress bar, print the sentence of an error, and return the exit code."""
    close_progress()
    print(f"heat_core: {sentence}", file=sys.stderr)
    return code


def _require_no_empty_values(options: argparse.Namespace) -> None:
    """Refuse empty values: an empty path would mean the working directory, another empty value would be ignored."""
    for name, value in vars(options).items():
        if name != "name" and "" in (value if isinstance(value, list) else [value]):
            raise HeatError(
                f"{name.replace('_', '-')} is empty: leave it out, or say which (is a variable of the shell not set?)."
            )


def join_negative_beta(arguments: list[str]) -> list[str]:
    """Write `--beta -inf` as `--beta=-inf`: argparse would take -inf and -1e6 for options."""
    joined = list(arguments)
    for i in reversed(range(len(joined) - 1)):
        if joined[i] == "--beta" and joined[i + 1].startswith("-"):
            joined[i : i + 2] = [f"--beta={joined[i + 1]}"]
    return joined
