"""Verbs that show results: list, show, findings, compare, report, detectors. They call the library and print."""

import argparse
import time

from heat_core import detectors
from heat_core.cli.output import (
    close_progress,
    lens_from_options,
    print_event,
    print_json,
    print_line,
    print_table,
    stop_on_sigterm,
)
from heat_core.cli.run_table import print_run
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.pipeline.measurements.measurements_file import is_measured, read_measurements
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


def findings(options: argparse.Namespace) -> None:
    """Print the findings on a run's images, which are measured first where they were not."""
    from heat_core.findings import report

    run = Run.open(options.run)
    if options.again or not is_measured(run):
        from heat_core.pipeline.measurements.measure import make_findings  # imports torch

        stop_on_sigterm()
        make_findings(run, print_event)
    found = report(run, lens_from_options(options, run))
    asked = next((f for f in found if f.question == options.question), None)
    if asked is None:
        raise HeatError(f"--question {options.question!r}: choose among {', '.join(f.question for f in found)}.")
    close_progress()
    print_line(run.folder)
    for of_question in found:
        print_line(f"{of_question.question}: {of_question.sentence()}")
    print_line(f"Slices of {asked.question!r} beyond chance, of {asked.tested:,} that were tested:")
    rows = [
        [
            asked.slice_title(part),
            f"{part.bad:,} of {part.n:,}",
            f"{100 * part.rate:.1f} % ({100 * part.low:.1f}–{100 * part.high:.1f})",
            f"{part.lift:.1f}",
            f"{part.q:.2g}",
        ]
        for part in asked.slices
    ]
    print_table([["", "images", "share", "lift", "q"], *rows])
    for sentence in read_measurements(run).notes:
        print_line(sentence)
    if options.json:
        print_json({"run": str(run.folder), "findings": [of_question.to_json() for of_question in found]})


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


def print_decisions(options: argparse.Namespace) -> None:
    """Print the decisions on a run's images; export them, or print the command of the run that follows from them."""
    from heat_core.decisions.export import export_rows, write_export
    from heat_core.decisions.next_experiment import next_experiment
    from heat_core.decisions.store import images_in_force, read_decisions

    run = Run.open(options.run)
    decisions = read_decisions(run.folder)
    counts = {number: len(keys) for number, keys in images_in_force(decisions).items()}
    rows = [
        [str(d.id), d.title, "undone" if d.is_undone else f"{counts[d.id]:,}", d.author, time.ctime(d.time)]
        for d in decisions
    ]
    print_table([["", "decision", "images", "by", "at"], *rows], align="<")
    if options.export:
        path = expand_home(options.export)
        write_export(path, export_rows(run, decisions))
        print_line(path)
    if options.next:
        following = next_experiment(run, decisions)
        for line in (*following.sentences, *following.commands, following.experiment.to_command()):
            print_line(line)
