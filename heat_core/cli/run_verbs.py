"""Verbs that make runs: demo, run, job, map, study. They call the library and print its results."""

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from heat_core import run as run_experiment
from heat_core.cli.experiment_options import experiment_from_options
from heat_core.cli.output import close_progress, print_event, print_json, print_line, stop_on_sigterm
from heat_core.cli.run_table import print_run
from heat_core.composition import Lens
from heat_core.errors import HeatError
from heat_core.pipeline.make_map import make_map
from heat_core.runs.experiment import Experiment, demo_experiment
from heat_core.runs.run import Run
from heat_core.storage import expand_home

if TYPE_CHECKING:
    from heat_core.studies.request import StudyFolder


def demo(options: argparse.Namespace) -> None:
    """Run the embedded demo and print its table."""
    experiment = demo_experiment()
    if options.detectors is not None:
        experiment = replace(experiment, detectors=options.detectors)
    _run_and_print(experiment, options.json)


def run(options: argparse.Namespace) -> None:
    """Run the experiment that the options describe and print its table."""
    _run_and_print(experiment_from_options(options), options.json)


def _run_and_print(experiment: Experiment, as_json: bool) -> None:
    experiment.check()
    stop_on_sigterm()
    print_run(run_experiment(experiment, on_event=print_event), Lens(), as_json)


def job(options: argparse.Namespace) -> None:
    """Start or resume the experiment of a run folder."""
    started = Run.open(options.run)
    stop_on_sigterm()
    run_experiment(started.experiment, started.folder, print_event)


def fit_map(options: argparse.Namespace) -> None:
    """Fit the UMAP map of a run that has none."""
    stop_on_sigterm()
    make_map(Run.open(options.run), print_event)


def study(options: argparse.Namespace) -> None:
    """Do the unfinished runs of a study, and write and print its results."""
    from heat_core.studies import execution, page
    from heat_core.studies.request import StudyFolder

    folder = StudyFolder(expand_home(options.resume)) if options.resume else _new_study(options)
    stop_on_sigterm()
    failure = None
    try:
        execution.run_study(folder, print_event)
    except HeatError as error:  # it is raised again once the results of the finished runs are printed
        failure = error
    report = page.StudyReport(folder.request, *execution.current_results(folder))
    if report.results:
        close_progress()
        if not options.json:
            print(page.to_markdown(report))
        written = page.write_all(report, expand_home(options.out) if options.out else folder.folder / "results")
        if options.json:
            print_json(page.to_json(report) | {"page": str(written)})
        else:
            print_line(written)
    if failure:
        raise failure


def _new_study(options: argparse.Namespace) -> "StudyFolder":
    """Check the study that the options describe, and make its folder."""
    from heat_core.studies import catalogue, execution
    from heat_core.studies.request import StudyRequest, new_study

    if options.residuals and options.study != "leave-out":
        raise HeatError("--residuals belongs to the study leave-out.")
    options.study = f"{options.study or ''}{'-residuals' if options.residuals else ''}"
    catalogue.study_of(options.study)
    experiment = experiment_from_options(catalogue.fill_paper_defaults(options))
    request = StudyRequest(options.study, experiment, tuple(options.seeds), tuple(options.values))
    request.base.check()
    execution.plan_runs(request)
    return new_study(request)
