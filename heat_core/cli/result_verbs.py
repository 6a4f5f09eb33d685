"""Verbs that show results: list, show, compare, report, detectors. They call the library and print."""

import argparse

from heat_core import detectors
from heat_core.cli.output import lens_from_options, print_line, print_table
from heat_core.cli.run_table import print_run
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.runs.manage import damaged_runs, list_runs
from heat_core.runs.run import Run
from heat_core.storage import expand_home

FORMATS = ("markdown", "latex", "csv")


def print_runs(options: argparse.Namespace) -> None:  # noqa: ARG001 (every verb takes the options)
    """Print one line for each run."""
    runs, damaged = list_runs(), damaged_runs()
    print_line(f"{len(runs)} runs" if len(runs) != 1 else "1 run")
    rows = [[run.id, run.status, f"{run.experiment.network}  {', '.join(run.experiment.priors)}"] for run in runs]
    print_table([*rows, *([name, "damaged", reason] for name, reason in damaged.items())], align="<")


def print_detectors(options: argparse.Namespace) -> None:  # noqa: ARG001
    """Print one line per detector, in the order of the tables: name, title, input, evidence and source."""
    rows = [
        [name, kind.title, "images" if kind.reads_images else "features", kind.evidence, _source(name, kind.source)]
        for name, kind in detectors.in_table_order().items()
    ]
    print_table([["name", "title", "reads", "judges by", "source"], *rows], align="<")


def _source(detector: str, source: str) -> str:
    """Return where a detector is published, and the plugin that it comes from."""
    origin = detectors.registry.origin(detector)
    return f"{source} (from {origin})" if origin else source


def show(options: argparse.Namespace) -> None:
    """Print the table of a run through a lens."""
    run = Run.open(options.run)
    print_run(run, lens_from_options(options, run), options.json)


def compare(options: argparse.Namespace) -> None:
    """Print the table of several runs in a format for papers and spreadsheets."""
    from heat_core.analysis import comparison, comparison_rows
    from heat_core.reporting import tables

    runs = [Run.open(run) for run in options.runs]
    has_run_names = len(runs) > 1
    names = options.detectors and list(dict.fromkeys(options.detectors))
    rows = [
        comparison_rows.entries_of(run, names, lens_from_options(options, run), options.subsets, has_run_names)
        for run in runs
    ]
    table = comparison.compare(comparison_rows.interleave_runs(rows), options.metric)
    write = {"markdown": tables.to_markdown, "latex": tables.to_latex, "csv": tables.to_csv}[options.format]
    print(write(table), end="")


def report(options: argparse.Namespace) -> None:
    """Write a run as one HTML page."""
    from heat_core.reporting.report import write_report

    run = Run.open(options.run)
    path = expand_home(options.out or f"{run.id}.html")
    if path.is_dir():
        raise HeatError(f"--out is the folder {printable(path)}: name a file in it, {path / run.id}.html for one.")
    write_report(run, path, lens_from_options(options, run))
    print_line(path)
