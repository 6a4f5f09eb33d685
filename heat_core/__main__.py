"""The command line: `python -m heat_core demo | run | score | report | list | show | compare | detectors | job`."""

import argparse
import json
import os
import signal
import sys
from pathlib import Path

import numpy as np
from filelock import FileLock

from heat_core import detectors
from heat_core import run as run_experiment
from heat_core.errors import Cancelled, HeatError
from heat_core.experiment import ALL_PRIORS, PRESET_NAMES, PRIORS, Experiment, demo_experiment
from heat_core.metrics import METRICS
from heat_core.results import Run, list_runs


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(_joined(sys.argv[1:] if arguments is None else arguments))
    if options.nice and hasattr(os, "nice"):
        os.nice(10)
    try:
        return options.do(options) or 0
    except HeatError as error:
        print(f"heat_core: {error}", file=sys.stderr)
        return 2
    except (Cancelled, KeyboardInterrupt):
        print("heat_core: cancelled; what was finished is kept.", file=sys.stderr)
        return 130


def _joined(arguments: list[str]) -> list[str]:
    """`--beta -inf` as `--beta=-inf`: argparse would take -inf and -1e6 for options."""
    words = list(arguments)
    for i in reversed(range(len(words) - 1)):
        if words[i] == "--beta" and words[i + 1].startswith("-"):
            words[i : i + 2] = [f"--beta={words[i + 1]}"]
    return words


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m heat_core", description="HEAT: which images does this model not know?"
    )
    parser.add_argument("--nice", action="store_true", help="give way to other processes, as the app's jobs do")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    demo = verbs.add_parser("demo", help="run the embedded demo: no download, about half a minute")
    demo.set_defaults(do=lambda o: _execute(demo_experiment(), o.json))

    run = verbs.add_parser("run", help="run an experiment on your own images")
    run.add_argument("--id", required=True, metavar="DIR|NAME", help="training images of the known classes")
    run.add_argument("--id-test", metavar="DIR|NAME", help="ID test images (default: every fifth of --id)")
    run.add_argument("--ood", nargs="+", required=True, metavar="NAME=DIR|NAME", help="sets of unknown images")
    run.add_argument(
        "--backbone",
        required=True,
        metavar="TIMM_NAME",
        help="or `features`: every set is a folder of avg.npy (std.npy, labels.npy)",
    )
    run.add_argument("--weights", metavar="FILE", help="safetensors or torch file (default: timm's own weights)")
    run.add_argument("--image-size", type=int, metavar="N", help="side of the input in pixels")
    run.add_argument(
        "--priors", nargs="+", default=list(PRIORS), metavar="PRIOR", help=f"among {', '.join(ALL_PRIORS)}"
    )
    run.add_argument("--detectors", nargs="*", default=list(detectors.BASIC), metavar="NAME",
                     help=f"to compare with: all, or among {', '.join(detectors.names())} (default: {', '.join(detectors.BASIC)})")  # fmt: skip
    run.add_argument("--group", nargs="+", default=[], metavar="NAME=near|mid|far", help="how far each OOD set is")
    run.add_argument("--preset", default="paper", help=f"training settings: {', '.join(PRESET_NAMES)}")
    run.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="changes to the preset, e.g. lambda_=5")
    run.add_argument("--covariance", default="auto", help="auto, empirical (the paper) or ledoit-wolf")
    run.add_argument("--limit", type=int, metavar="PER_CLASS", help="images a class, in every set")
    run.add_argument("--limit-test", type=int, metavar="PER_CLASS", help="the same, for --id-test")
    run.add_argument("--limit-ood", type=int, metavar="PER_CLASS", help="the same, for --ood")
    run.add_argument("--batch-size", type=int, default=64)
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--name", default="")
    run.add_argument("--no-map", action="store_true", help="leave the UMAP map out")
    run.set_defaults(do=lambda o: _execute(_experiment(o), o.json))

    score = verbs.add_parser("score", help="score new images with a finished run")
    score.add_argument("run", metavar="RUN")
    score.add_argument("images", nargs="+", metavar="FILE|DIR")
    score.add_argument("--into", metavar="DIR", help="keep the result there too (the app does)")
    score.set_defaults(do=_score)

    report = verbs.add_parser("report", help="a run as one HTML page that opens without internet")
    report.add_argument("run", metavar="RUN")
    report.add_argument("--out", metavar="FILE", help="default: RUN.html in the working directory")
    report.set_defaults(do=_report)

    verbs.add_parser("list", help="all runs").set_defaults(do=_list)
    verbs.add_parser("detectors", help="every method to compare with").set_defaults(do=_detectors)

    show = verbs.add_parser("show", help="the table of one run")
    show.add_argument("run", metavar="RUN", help="a run's name or folder")
    show.add_argument(
        "--beta", default="0", help="β of the composition: a number, inf, -inf, or auto (chosen without OOD data)"
    )
    show.add_argument("--priors", nargs="+", metavar="PRIOR")
    show.set_defaults(do=_show)

    compare = verbs.add_parser(
        "compare", help="detectors × OOD sets of one or several runs, near, mid and far (Tab. 4)"
    )
    compare.add_argument("runs", nargs="+", metavar="RUN")
    compare.add_argument("--metric", default="auroc", help="fpr95, auroc, aupr_in or aupr_out")
    compare.add_argument("--detectors", nargs="+", metavar="NAME", help="rows (default: all of each run)")
    compare.add_argument("--subsets", action="store_true", help="add every subset of the corrected priors (Tab. 3)")
    compare.add_argument("--beta", default="0")
    compare.add_argument("--format", default="markdown", choices=["markdown", "latex", "csv"])
    compare.set_defaults(do=_compare)
    for verb in (score, report):
        verb.add_argument("--beta", default="0", help="β of the composition")
    score.add_argument("--priors", nargs="+", metavar="PRIOR")
    for verb in (demo, run, show, score):
        verb.add_argument("--json", action="store_true", help="end with one line of JSON")

    job = verbs.add_parser("job", help="start or resume the job of a run folder")
    job.add_argument("run", metavar="RUN")
    job.set_defaults(do=_job)
    return parser


def _pairs(words: list[str], example: str) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            raise HeatError(f"{word!r} should read {example}.")
    pairs = [word.split("=", 1) for word in words]
    if len(dict(pairs)) < len(pairs):
        raise HeatError(f"A name is used twice in {' '.join(words)}: give each its own.")
    return dict(pairs)


def _experiment(o: argparse.Namespace) -> Experiment:
    return Experiment(
        id=o.id, id_test=o.id_test, ood=_pairs(o.ood, "NAME=DIR"), backbone=o.backbone, weights=o.weights,
        image_size=o.image_size, priors=o.priors, detectors=o.detectors, groups=_pairs(o.group, "NAME=near"),
        preset=o.preset, settings=_pairs(o.set, "KEY=VALUE"),
        covariance=o.covariance, limit=o.limit, limit_test=o.limit_test, limit_ood=o.limit_ood, seed=o.seed,
        name=o.name, map=not o.no_map, batch_size=o.batch_size,
    )  # fmt: skip


def _execute(experiment: Experiment, as_json: bool) -> None:
    experiment.check()
    _stop_on_sigterm()
    _print_run(run_experiment(experiment, on_event=_print_event), 0.0, None, as_json)


def _job(o: argparse.Namespace) -> None:
    found = Run.open(o.run)
    _stop_on_sigterm()
    run_experiment(found.experiment, found.folder, _print_event)


def _stop_on_sigterm() -> None:
    def stop(*_) -> None:
        raise Cancelled

    signal.signal(signal.SIGTERM, stop)


def _print_event(event: dict) -> None:
    more = f" · {event['images_per_s']:.0f} images/s" if "images_per_s" in event else ""
    more += f" · {event['eta']:.0f} s left" if event.get("eta") else ""
    print(f"[{event['stage']}] {event['message']}{more}", file=sys.stderr, flush=True)


def _list(o: argparse.Namespace) -> None:
    runs = list_runs()
    print(f"{len(runs)} runs" if len(runs) != 1 else "1 run")
    for run in runs:
        print(f"{run.id:<50} {run.status:<12} {run.experiment.backbone}  {', '.join(run.experiment.priors)}")


def _detectors(o: argparse.Namespace) -> None:
    for kind in sorted(map(detectors.load, detectors.names()), key=lambda kind: kind.place):
        needs = "images" if kind.reads_images else "features"
        name = kind.__module__.rsplit(".", 1)[1].replace("_", "-")
        print(f"{name:<14}{kind.title:<14}{needs:<10}{kind.source}")


def _show(o: argparse.Namespace) -> None:
    run = Run.open(o.run)
    _print_run(run, _beta(o.beta, run), o.priors, o.json)


def _beta(text: str, run: Run) -> float:
    if text == "auto":
        if run.suggested_beta is None:
            raise HeatError(f"Run {run.id} has no β chosen without OOD data: resume it with `job`.")
        return run.suggested_beta
    try:
        return float(text)
    except ValueError:
        raise HeatError(f"β is {text!r}: write a number, inf, -inf or auto.") from None


def _compare(o: argparse.Namespace) -> None:
    from heat_core.comparison import compare, entries_of
    from heat_core.samples import Lens

    runs = [Run.open(r) for r in o.runs]
    entries = [
        e for run in runs for e in entries_of(run, o.detectors, Lens(_beta(o.beta, run)), o.subsets, len(runs) > 1)
    ]
    table = compare(entries, o.metric)
    print({"markdown": table.to_markdown, "latex": table.to_latex, "csv": table.to_csv}[o.format](), end="")


def _score(o: argparse.Namespace) -> None:
    """One line an image, the most out-of-distribution first."""
    from heat_core.composition import compose, standardise
    from heat_core.scoring import RESULT, score

    run = Run.open(o.run)
    _stop_on_sigterm()
    try:
        if o.into:  # held until this function ends: the reader sees that somebody is at it
            lock = FileLock(Path(o.into) / "score.lock")
            lock.acquire(timeout=10)
        scored = score(run, [Path(p).expanduser() for p in o.images], _print_stage)
        if o.into:
            scored.save(Path(o.into) / RESULT)
    except BaseException as error:
        if o.into:  # the reader must learn that nothing more will come
            sentence = (
                str(error) if isinstance(error, HeatError) else f"Unexpected error: {type(error).__name__}: {error}."
            )
            (Path(o.into) / "failed.txt").write_text(sentence, encoding="utf-8")
        raise
    beta, priors = _beta(o.beta, run), o.priors or run.priors
    line = run.threshold("heat", beta, priors)
    energies = standardise(scored.prior + scored.residual, run.summary["mean"], run.summary["std"])
    values = compose(energies[:, [run.priors.index(p) for p in priors]], beta)
    rows = [
        {"image": str(scored.ids[i]), "score": float(values[i]), "unknown": bool(values[i] > line),
         "taken_for": run.class_names[scored.predicted[i]], "confidence": float(scored.confidence[i])}
        for i in np.argsort(-values, kind="stable")
    ]  # fmt: skip
    for row in rows:
        verdict = "unknown" if row["unknown"] else "known"
        print(f"{verdict:<8} {row['score']:8.3f}  {row['taken_for']} {row['confidence']:.0%}  {row['image']}")
    for name in scored.skipped:
        print(f"skipped, not readable: {name}", file=sys.stderr)
    if o.json:
        print(
            json.dumps({"run": str(run.folder), "threshold": line, "images": rows, "skipped": scored.skipped.tolist()})
        )


def _print_stage(stage: str, message: str, **_) -> None:
    print(f"[{stage}] {message}", file=sys.stderr, flush=True)


def _report(o: argparse.Namespace) -> None:
    from heat_core.report import write_report

    run = Run.open(o.run)
    path = Path(o.out or f"{run.id}.html")
    write_report(run, path, _beta(o.beta, run))
    print(path)


def _print_run(run: Run, beta: float, priors: list[str] | None, as_json: bool) -> None:
    metrics = run.metrics(beta, priors)
    columns = [*run.ood_names, "average"]
    width = max(16, *(len(c) + 2 for c in columns))
    print(f"{run.folder}\nFPR95 / AUROC in percent, β = {beta:g}")
    print(f"{'':<14}" + "".join(f"{c:>{width}}" for c in columns))
    for detector, row in metrics.items():
        cells = (f"{100 * row[c]['fpr95']:.1f} / {100 * row[c]['auroc']:.1f}" for c in columns)
        print(f"{detector:<14}" + "".join(f"{cell:>{width}}" for cell in cells))
    for name in run.left_out:
        print(f"{name:<14}" + "".join(f"{'–':>{width}}" for _ in columns))
    for reason in run.left_out.values():
        print(reason)
    if as_json:
        nothing = {column: dict.fromkeys(METRICS) for column in columns}
        names = [*run.left_out, *(f"heat-{p}" for p in run.experiment.priors if p in run.left_out)]
        left_out = {name: nothing for name in names if name not in metrics}
        print(json.dumps({"run": str(run.folder), "metrics": metrics | left_out}))


if __name__ == "__main__":
    sys.exit(main())
