"""What each verb of the command line does: open, ask the library, print. No mathematics."""

import argparse
import json
import os
import shlex
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from heat_core import detectors as methods
from heat_core import run as run_experiment
from heat_core.composition import HEAT, Lens
from heat_core.errors import Cancelled, HeatError, require_room
from heat_core.metrics import METRICS
from heat_core.runs.events import Event
from heat_core.runs.experiment import AVERAGE, Experiment
from heat_core.runs.mapping import make_map
from heat_core.runs.rows import corrected_row
from heat_core.runs.run import Run, damaged_runs, list_runs
from heat_core.storage import printable, typed

if TYPE_CHECKING:
    from heat_core.shards.plan import How

FORMATS = ("markdown", "latex", "csv")


def execute(experiment: Experiment, as_json: bool) -> None:
    """Do an experiment and print its table."""
    experiment.check()
    _stop_on_sigterm()
    _print_run(run_experiment(experiment, on_event=_print_event), Lens(), as_json)


def job(o: argparse.Namespace) -> None:
    """Do or resume the experiment of a run folder."""
    found = Run.open(o.run)
    _stop_on_sigterm()
    run_experiment(found.experiment, found.folder, _print_event)


def fit_map(o: argparse.Namespace) -> None:
    """Fit the map of a run that has none."""
    _stop_on_sigterm()
    make_map(Run.open(o.run), _print_event)


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
    _stop_on_sigterm()
    failed = None
    try:
        work.work(found, _print_event)
    except HeatError as error:  # what was finished is shown all the same
        failed = error
    written = page.Written(found.request, *work.shown(found))
    if written.results:
        print(page.to_markdown(written))
        _say(page.write_all(written, typed(o.out) if o.out else found.folder / "results"))
    if failed:
        raise failed


def train_backbone(o: argparse.Namespace) -> None:
    """Train a network for small images; its file, its accuracy, and how a run takes it."""
    require_room()
    from heat_core.features.datasets import open_dataset
    from heat_core.features.trained import Recipe
    from heat_core.features.training import TrainingProgress, train

    def progress(p: TrainingProgress) -> None:
        where = f"epoch {p['epoch']}/{p['epochs']}" + (f", {p['step']}/{p['steps']}" if p["step"] < p["steps"] else "")
        how = f"loss {p['loss']:.4f} · {p['accuracy']:.1%} of the training images right"
        _print_stage("train", f"{where}: {how} · {p['images_per_s']:.0f} images/s · {p['eta']:.0f} s left")

    given = {
        name: value for name, value in vars(o).items() if name in Recipe.__dataclass_fields__ and value is not None
    }
    recipe = Recipe(architecture=o.arch.partition(".")[0], **given)
    _stop_on_sigterm()
    known = open_dataset(o.id, "train")
    tests = o.id_test or (o.id if known.tested else None)
    known, test = (known, open_dataset(tests)) if tests else known.split()
    made = train(
        known.limited(o.limit), test, recipe, out := typed(o.out), None, progress, partial(_print_stage, "train")
    )
    _say(out)
    _say(f"test accuracy {made.test_accuracy:.2%} ({made.test_images:,} images)")
    _say(f"heat_core run … --backbone {recipe.architecture} --weights {shlex.quote(str(out))}")
    if o.json:
        _say(json.dumps({"weights": str(out), "test_accuracy": made.test_accuracy, "test_images": made.test_images}))


def list_all(o: argparse.Namespace) -> None:  # noqa: ARG001 (every verb takes the options)
    """A line a run."""
    runs, damaged = list_runs(), damaged_runs()
    _say(f"{len(runs)} runs" if len(runs) != 1 else "1 run")
    for run in runs:
        _say(f"{run.id:<50} {run.status:<12} {run.experiment.backbone}  {', '.join(run.experiment.priors)}")
    for name, why in damaged.items():
        _say(f"{name:<50} damaged      {why}")


def detectors(o: argparse.Namespace) -> None:  # noqa: ARG001
    """A line a detector, as the tables order them."""
    for name, kind in methods.in_table_order().items():
        needs = "images" if kind.reads_images else "features"
        _say(f"{name:<14}{kind.title:<14}{needs:<10}{kind.source}")


def show(o: argparse.Namespace) -> None:
    """The table of a run through a lens."""
    run = Run.open(o.run)
    _print_run(run, _lens(o, run), o.json)


def compare(o: argparse.Namespace) -> None:
    """The table of several runs in a format for papers and spreadsheets."""
    from heat_core.analysis import comparison, tables

    runs = [Run.open(r) for r in o.runs]
    named, wanted = len(runs) > 1, o.detectors and list(dict.fromkeys(o.detectors))
    rows = [comparison.entries_of(run, wanted, _lens(o, run), o.subsets, named) for run in runs]
    table = comparison.compare(comparison.beside(rows), o.metric)
    write = {"markdown": tables.to_markdown, "latex": tables.to_latex, "csv": tables.to_csv}[o.format]
    print(write(table), end="")


def report(o: argparse.Namespace) -> None:
    """A run as one HTML page."""
    from heat_core.analysis.report import write_report

    run = Run.open(o.run)
    path = typed(o.out or f"{run.id}.html")
    if path.is_dir():
        raise HeatError(f"--out is the folder {printable(path)}: name a file in it, {path / run.id}.html for one.")
    write_report(run, path, _lens(o, run))
    _say(path)


def score(o: argparse.Namespace) -> None:
    """One line an image, the most out-of-distribution first."""
    require_room()
    from heat_core.analysis.newcomers import Newcomers
    from heat_core.runs.scoring import score as score_images
    from heat_core.runs.scoring import score_into

    run, paths = Run.open(o.run), [typed(p) for p in o.images]
    lens = _lens(o, run)
    if o.out and o.into:
        raise HeatError("--into keeps one small result, --out a long list's: give one of them.")
    if o.out:
        return _score_list(o, run, paths, lens)
    if (o.engine, o.address, o.workers, o.threads) != ("loop", None, None, None):
        raise HeatError("Long lists are written into a folder: say which with --out.")
    if run.has_energies:
        lens.composed(run.priors)  # refuses priors that the run has not, before the work
    _stop_on_sigterm()
    scored = score_into(run, paths, typed(o.into), _print_stage) if o.into else score_images(run, paths, _print_stage)
    found = Newcomers(run, scored)
    scores, threshold = found.scores(HEAT, lens)[found.is_ood], found.threshold(HEAT, lens)
    rows = [
        {
            "image": str(scored.ids[i]),
            "score": float(scores[i]),
            "unknown": bool(scores[i] > threshold),
            "taken_for": run.class_names[scored.predicted[i]],
            "confidence": float(scored.confidence[i]),
        }
        for i in np.argsort(-scores, kind="stable")
    ]
    for row in rows:
        verdict = "unknown" if row["unknown"] else "known"
        _say(f"{verdict:<8} {row['score']:8.3f}  {row['taken_for']} {row['confidence']:.0%}  {row['image']}")
    for name in scored.skipped:
        _say(f"skipped, not readable: {name}", sys.stderr)
    if o.json:
        skipped = scored.skipped.tolist()
        _say(json.dumps({"run": str(run.folder), "threshold": threshold, "images": rows, "skipped": skipped}))


def _score_list(o: argparse.Namespace, run: Run, sources: list[Path], lens: Lens) -> None:
    """Shards of scores, and what they show."""
    from heat_core.shards.scores import score_list

    _stop_on_sigterm()
    found = score_list(run, sources, typed(o.out), lens, _how(o), o.keep, _print_stage)
    for score, p, path, taken in found.top:
        _say(f"{'unknown' if score > found.threshold else 'known':<8} {score:8.3f}  p {p:.4f}  {taken}  {path}")
    _say_bad(found.bad)
    readable = found.images - found.unreadable
    share = f" ({found.unknown / readable:.1%})" if readable else ""
    _say(f"{found.unknown:,} of {readable:,} images unknown{share}, {found.unreadable:,} not readable: {o.out}")
    if o.json:
        top = [dict(zip(("score", "p_value", "image", "taken_for"), row, strict=True)) for row in found.top]
        _say(json.dumps({"run": str(run.folder), "out": o.out, **vars(found), "top": top}))


def extract(o: argparse.Namespace) -> None:
    """Features of a list of images, as a folder that `run --backbone features` takes."""
    require_room()
    from heat_core.features.backbones import load_backbone
    from heat_core.shards.extracted import extract_list

    _stop_on_sigterm()
    backbone = load_backbone(o.backbone, o.weights, o.image_size)
    sources = [typed(p) for p in o.images]
    listed = extract_list(backbone, sources, typed(o.out), _how(o), o.batch_size, _print_stage)
    _say_bad(listed.bad)
    _say(o.out)


def _how(o: argparse.Namespace) -> "How":
    from heat_core.shards.plan import How

    given = {"address": o.address, "workers": o.workers, "threads": o.threads, "size": o.shard}
    return How(o.engine, **{name: value for name, value in given.items() if value is not None})


def _say_bad(bad: list[str]) -> None:
    for row in bad:
        _say(f"left out: {row}", sys.stderr)


def positions(o: argparse.Namespace) -> None:
    """Where in an image the GMM energy and the logit of its class come from."""
    require_room()
    from heat_core.runs.positions import positions_into, positions_of

    run = Run.open(o.run)
    _stop_on_sigterm()
    if o.into:
        found = positions_into(run, o.image, typed(o.into), _print_stage)
    else:
        found = positions_of(run, o.image, _print_stage)
    logit = f"logit of {found.class_name}"
    for name, whole, grid in (
        ("GMM energy", found.energy_of_image, found.energy),
        (logit, found.logit_of_image, found.logit),
    ):
        _say(f"{name}: {whole:.4g}; what each position adds:")
        for row in grid:
            _say(" ".join(f"{value:9.2g}" for value in row))


def _say(line: object, to: TextIO | None = None) -> None:
    """One line on the terminal, whatever foreign names it holds."""
    print(printable(str(line)), file=to, flush=to is not None)


def _lens(o: argparse.Namespace, run: Run) -> Lens:
    priors = getattr(o, "priors", None)
    return Lens(_beta(o.beta, run), None if priors is None else tuple(priors))


def _beta(text: str, run: Run) -> float:
    if text == "auto":
        if run.suggested_beta is None:
            raise HeatError(f"Run {run.id} has no β chosen without OOD data: resume it with `job`.")
        return run.suggested_beta
    try:
        return float(text)
    except ValueError:
        raise HeatError(f"β is {text!r}: write a number, inf, -inf or auto.") from None


def _stop_on_sigterm() -> None:
    def stop(*_: object) -> None:
        raise Cancelled

    signal.signal(signal.SIGTERM, stop)


def _print_event(event: Event) -> None:
    more = f" · {event['images_per_s']:.0f} images/s" if "images_per_s" in event else ""
    more += f" · {event['eta']:.0f} s left" if event.get("eta") else ""
    _print_stage(event["stage"], event["message"] + more)


def _print_stage(stage: str, message: str = "", **more: Any) -> None:  # noqa: ARG001 (a Progress)
    """What is done now. Where nobody reads that any longer (`2>&1 | head`), the work goes on."""
    try:
        _say(f"[{stage}] {message}", sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _print_run(run: Run, lens: Lens, as_json: bool) -> None:
    metrics = run.metrics(lens)
    columns = [*run.ood_names, AVERAGE]
    width = max(16, *(len(c) + 2 for c in columns))
    _say(run.folder)
    _say(f"FPR95 / AUROC in percent, β = {lens.beta:g}")
    _say(f"{'':<14}" + "".join(f"{c:>{width}}" for c in columns))
    for detector, row in metrics.items():
        cells = (f"{100 * row[c]['fpr95']:.1f} / {100 * row[c]['auroc']:.1f}" for c in columns)
        _say(f"{detector:<14}" + "".join(f"{cell:>{width}}" for cell in cells))
    for name in run.left_out:
        _say(f"{name:<14}" + "".join(f"{'–':>{width}}" for _ in columns))
    for sentence in (*run.left_out.values(), *run.record.notes):
        _say(sentence)
    if as_json:
        nothing = {column: dict.fromkeys(METRICS) for column in columns}
        names = [*run.left_out, *(corrected_row(p) for p in run.experiment.priors if p in run.left_out)]
        left_out = {name: nothing for name in names if name not in metrics}
        _say(json.dumps({"run": str(run.folder), "metrics": metrics | left_out}))
