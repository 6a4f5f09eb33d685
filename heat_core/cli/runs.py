"""The verbs that make runs and look at them: open, ask the library, print. No mathematics."""

import argparse
import json
import shlex
from collections.abc import Callable
from functools import partial

from heat_core import detectors as methods
from heat_core import run as run_experiment
from heat_core.cli.output import lens_of, print_event, print_stage, say, stop_on_sigterm
from heat_core.composition import Lens
from heat_core.errors import HeatError, require_room
from heat_core.metrics import METRICS
from heat_core.pipeline.make_map import make_map
from heat_core.runs.experiment import AVERAGE, Experiment
from heat_core.runs.listing import damaged_runs, list_runs
from heat_core.runs.row_names import corrected_row
from heat_core.runs.run import Run
from heat_core.storage import printable, typed

FORMATS = ("markdown", "latex", "csv")


def execute(experiment: Experiment, as_json: bool) -> None:
    """Do an experiment and print its table."""
    experiment.check()
    stop_on_sigterm()
    _print_run(run_experiment(experiment, on_event=print_event), Lens(), as_json)


def job(o: argparse.Namespace) -> None:
    """Do or resume the experiment of a run folder."""
    found = Run.open(o.run)
    stop_on_sigterm()
    run_experiment(found.experiment, found.folder, print_event)


def fit_map(o: argparse.Namespace) -> None:
    """Fit the map of a run that has none."""
    stop_on_sigterm()
    make_map(Run.open(o.run), print_event)


def study(o: argparse.Namespace, experiment: Callable[[argparse.Namespace], Experiment]) -> None:
    """Do the runs of a study that are not done yet, and write what they show."""
    from heat_core.studies import catalogue, page, work
    from heat_core.studies.request import Request, StudyFolder, new_study

    if o.resume:
        found = StudyFolder(typed(o.resume))
    else:
        catalogue.study_of(o.study or "")
        request = Request(o.study, experiment(catalogue.filled(o)), tuple(o.seeds), tuple(o.values))
        request.base.check()
        work.plan(request)
        found = new_study(request)
    stop_on_sigterm()
    failed = None
    try:
        work.work(found, print_event)
    except HeatError as error:  # what was finished is shown all the same
        failed = error
    written = page.Written(found.request, *work.shown(found))
    if written.results:
        print(page.to_markdown(written))
        say(page.write_all(written, typed(o.out) if o.out else found.folder / "results"))
    if failed:
        raise failed


def train_backbone(o: argparse.Namespace) -> None:
    """Train a network for small images; its file, its accuracy, and how a run takes it."""
    require_room()
    from heat_core.backbones.resnet_recipe import Recipe
    from heat_core.data.datasets import open_dataset
    from heat_core.training.training import TrainingProgress, train

    def progress(p: TrainingProgress) -> None:
        where = f"epoch {p['epoch']}/{p['epochs']}" + (f", {p['step']}/{p['steps']}" if p["step"] < p["steps"] else "")
        how = f"loss {p['loss']:.4f} · {p['accuracy']:.1%} of the training images right"
        print_stage("train", f"{where}: {how} · {p['images_per_s']:.0f} images/s · {p['eta']:.0f} s left")

    given = {
        name: value for name, value in vars(o).items() if name in Recipe.__dataclass_fields__ and value is not None
    }
    recipe = Recipe(architecture=o.arch.partition(".")[0], **given)
    stop_on_sigterm()
    known = open_dataset(o.id, "train")
    tests = o.id_test or (o.id if known.tested else None)
    known, test = (known, open_dataset(tests)) if tests else known.split()
    made = train(
        known.limited(o.limit), test, recipe, out := typed(o.out), None, progress, partial(print_stage, "train")
    )
    say(out)
    say(f"test accuracy {made.test_accuracy:.2%} ({made.test_images:,} images)")
    say(f"heat_core run … --backbone {recipe.architecture} --weights {shlex.quote(str(out))}")
    if o.json:
        say(json.dumps({"weights": str(out), "test_accuracy": made.test_accuracy, "test_images": made.test_images}))


def list_all(o: argparse.Namespace) -> None:  # noqa: ARG001 (every verb takes the options)
    """A line a run."""
    runs, damaged = list_runs(), damaged_runs()
    say(f"{len(runs)} runs" if len(runs) != 1 else "1 run")
    for run in runs:
        say(f"{run.id:<50} {run.status:<12} {run.experiment.network}  {', '.join(run.experiment.priors)}")
    for name, why in damaged.items():
        say(f"{name:<50} damaged      {why}")


def detectors(o: argparse.Namespace) -> None:  # noqa: ARG001
    """A line a detector, as the tables order them: what it reads, what it judges by, where it was published."""
    say(f"{'name':<16}{'title':<14}{'reads':<10}{'judges by':<11}source")
    for name, kind in methods.in_table_order().items():
        needs = "images" if kind.reads_images else "features"
        say(f"{name:<16}{kind.title:<14}{needs:<10}{kind.evidence:<11}{kind.source}")


def show(o: argparse.Namespace) -> None:
    """The table of a run through a lens."""
    run = Run.open(o.run)
    _print_run(run, lens_of(o, run), o.json)


def compare(o: argparse.Namespace) -> None:
    """The table of several runs in a format for papers and spreadsheets."""
    from heat_core.analysis import comparison
    from heat_core.reporting import tables

    runs = [Run.open(r) for r in o.runs]
    named, wanted = len(runs) > 1, o.detectors and list(dict.fromkeys(o.detectors))
    rows = [comparison.entries_of(run, wanted, lens_of(o, run), o.subsets, named) for run in runs]
    table = comparison.compare(comparison.beside(rows), o.metric)
    write = {"markdown": tables.to_markdown, "latex": tables.to_latex, "csv": tables.to_csv}[o.format]
    print(write(table), end="")


def report(o: argparse.Namespace) -> None:
    """A run as one HTML page."""
    from heat_core.reporting.report import write_report

    run = Run.open(o.run)
    path = typed(o.out or f"{run.id}.html")
    if path.is_dir():
        raise HeatError(f"--out is the folder {printable(path)}: name a file in it, {path / run.id}.html for one.")
    write_report(run, path, lens_of(o, run))
    say(path)


def _print_run(run: Run, lens: Lens, as_json: bool) -> None:
    metrics = run.metrics(lens)
    columns = [*run.ood_names, AVERAGE]
    width = max(16, *(len(c) + 2 for c in columns))
    say(run.folder)
    say(f"FPR95 / AUROC in percent, β = {lens.beta:g}")
    say(f"{'':<14}" + "".join(f"{c:>{width}}" for c in columns))
    for detector, row in metrics.items():
        cells = (f"{100 * row[c]['fpr95']:.1f} / {100 * row[c]['auroc']:.1f}" for c in columns)
        say(f"{detector:<14}" + "".join(f"{cell:>{width}}" for cell in cells))
    for name in run.left_out:
        say(f"{name:<14}" + "".join(f"{'–':>{width}}" for _ in columns))
    for sentence in (*run.left_out.values(), *run.record.notes):
        say(sentence)
    if as_json:
        nothing = {column: dict.fromkeys(METRICS) for column in columns}
        names = [*run.left_out, *(corrected_row(p) for p in run.experiment.priors if p in run.left_out)]
        left_out = {name: nothing for name in names if name not in metrics}
        say(json.dumps({"run": str(run.folder), "metrics": metrics | left_out}))
