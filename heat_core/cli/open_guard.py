"""Opening of the guard that the argument RUN|GUARD names, as the options of the scoring verbs require."""

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from heat_core.cli.output import lens_from_options, print_line, print_stage
from heat_core.errors import HeatError
from heat_core.runs.run import Run
from heat_core.storage import expand_home, is_file

if TYPE_CHECKING:
    from heat_core.guard.guard import Guard

EXIT_TOO_MANY_UNKNOWN = 1


def open_guard(options: argparse.Namespace, only_composed: bool = False) -> "Guard":
    """Load the file of a guard, or build the guard of a run.

    Args:
        options: options of the verb.
        only_composed: whether the guard of a run gets only the priors that the lens composes.

    Raises:
        HeatError: if the options do not apply to a guard, or to a run.
    """
    from heat_core.guard.guard import Guard
    from heat_core.pipeline.build_guard import build_guard

    path = expand_home(options.run)
    weights = {name: getattr(options, name, None) for name in ("weights", "second_weights")}
    if is_file(path):
        if options.beta != "0" or options.priors:
            raise HeatError("β and the priors of a guard are fixed: pack its run again with others.")
        return Guard.load(path, **weights)
    if any(weights.values()):
        raise HeatError("--weights are for a guard whose network lies elsewhere; a run stores where its weights are.")
    run = Run.open(options.run)
    return build_guard(run, lens_from_options(options, run), print_stage, only_composed)


def open_guard_at_alpha(options: argparse.Namespace) -> "Guard":
    """Open the guard, and set its threshold by `--alpha` if that is given."""
    guard = open_guard(options)
    if options.alpha is not None:
        guard.lens = replace(guard.lens, threshold=None, alpha=options.alpha)
    if options.alpha is not None or options.by_class:
        _warn_of_unreachable_alpha(guard, alpha_from_options(options), options.by_class)
    return guard


def alpha_from_options(options: argparse.Namespace) -> float:
    """Return the false-alarm rate `--alpha`, or its default."""
    from heat_core.thresholds import DEFAULT_ALPHA

    return DEFAULT_ALPHA if options.alpha is None else options.alpha


def exit_code(unknown_share: float, options: argparse.Namespace) -> int:
    """Return 1 and print the reason if more images are unknown than `--fail-above` allows, else return 0."""
    if options.fail_above is None or unknown_share <= options.fail_above:
        return 0
    print_line(f"{unknown_share:.1%} of the images are unknown, more than {options.fail_above:.1%}.", sys.stderr)
    return EXIT_TOO_MANY_UNKNOWN


def _warn_of_unreachable_alpha(guard: "Guard", alpha: float, by_class: bool) -> None:
    """Print a sentence if the calibration images are too few for p ≤ α."""
    if by_class and (classes := guard.calibration.undersized_classes(alpha, guard.class_names)):
        names = ", ".join(classes[:5]) + (" …" if len(classes) > 5 else "")
        print_line(f"Too few calibration images to call any image unknown that is predicted as {names}.", sys.stderr)
    elif not by_class and guard.calibration.smallest_p > alpha:
        smallest = guard.calibration.smallest_p
        print_line(f"No image can have p ≤ {alpha:g}: the smallest p is {smallest:.2g}.", sys.stderr)
