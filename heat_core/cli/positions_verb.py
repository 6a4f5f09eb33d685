"""Implementation of the verb `positions`."""

import argparse

from heat_core.cli.output import print_line, print_stage, stop_on_sigterm
from heat_core.memory import require_memory
from heat_core.runs.run import Run
from heat_core.storage import expand_home


def positions(options: argparse.Namespace) -> None:
    """Print how much each position of an image adds to its GMM energy and to the logit of its class."""
    require_memory()
    from heat_core.pipeline.positions import positions_into, positions_of

    run = Run.open(options.run)
    stop_on_sigterm()
    if options.into:
        contributions = positions_into(run, options.image, expand_home(options.into), print_stage)
    else:
        contributions = positions_of(run, options.image, print_stage)
    logit = f"logit of {contributions.class_name}"
    for name, total, grid in (
        ("GMM energy", contributions.energy_of_image, contributions.energy),
        (logit, contributions.logit_of_image, contributions.logit),
    ):
        print_line(f"{name}: {total:.4g}; what each position adds:")
        for row in grid:
            print_line(" ".join(f"{value:9.2g}" for value in row))
