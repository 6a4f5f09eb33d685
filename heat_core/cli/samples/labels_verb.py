"""Verb `labels`: labels from other tools as decisions on the images of a run."""

import argparse
import sys

from heat_core.analysis.samples import Samples
from heat_core.cli.output import print_line, print_table
from heat_core.decisions.store import ACTIONS
from heat_core.exchange.labels import decisions_of, read_labels, record_labels
from heat_core.runs.run import Run
from heat_core.storage import expand_home


def labels(options: argparse.Namespace) -> None:
    """Read a file with labels, and store the decisions that they mean."""
    samples = Samples(Run.open(options.run))
    found = read_labels(samples, expand_home(options.file))
    if options.dry_run:
        wanted = [
            (f"{ACTIONS[action]} {name}".strip(), len(numbers))
            for (action, name), numbers in decisions_of(samples, found).items()
        ]
    else:
        made, held = record_labels(samples, found)
        wanted = [(decision.title, len(decision.samples)) for decision in made]
        if held:
            print_line(f"Decided in the same way before, and left as they are: {held:,}.", sys.stderr)
    for sentence in found.sentences():
        print_line(sentence, sys.stderr)
    print_table([["decision", "images"], *([title, f"{count:,}"] for title, count in wanted)])
