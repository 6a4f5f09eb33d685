"""The command line: `python -m heat_core VERB …`, or `heat VERB …` where the package is installed."""

import argparse
import io
import os
import sys
from pathlib import Path

from heat_core import detectors
from heat_core.cli import runs
from heat_core.cli.options import SCORING_VERBS, Verbs, json_line, lens, listed, network
from heat_core.energies.names import ALL_PRIORS
from heat_core.energies.settings import PRESET_NAMES
from heat_core.errors import Cancelled, HeatError, is_out_of_memory, sentence_of
from heat_core.metrics import METRICS
from heat_core.runs.experiment import COVARIANCES, MIXTURE_WEIGHTS, Experiment, demo_experiment
from heat_core.storage import printable
from heat_core.studies import STUDY_NAMES
from heat_core.version import __version__

_FRONT_PAGE = """\
Which of my images does this model not know, and why? HEAT (Lafon et al., ICML 2023) on the features of a frozen
classifier: prior energies, each corrected by a small trained network, composed by one parameter, β.

start
  demo            run the embedded demo: no download, about half a minute
  run             run an experiment on your own images, or on features made elsewhere
  job             start or resume the job of a run folder
  map             fit the map of a run that was made without
  study           many runs that differ in one thing: the paper's tables and figures, on your own images
  train-backbone  train a ResNet for small images on your own classes, for `run --weights`

look
  list            all runs
  show            the table of one run, at any β
  compare         detectors × OOD sets of one or several runs, with intervals; Markdown, LaTeX, CSV
  report          a run as one HTML page that opens without internet

use
  pack            a run as one file that scores images without it; also as ONNX
  score           score new images with a run or a packed guard: p-values, drift, also millions of them
  extract         the features of a long list of images, as a folder that `run --backbone features` takes
  positions       where in an image its energy and its class come from
  detectors       every method to compare with
"""
_EXAMPLES = """\
examples
  {prog} demo
  {prog} run --id photos/train --id-test photos/test --ood unknown=photos/unknown \\
      --backbone resnet50.a1_in1k --preset quick
  {prog} show RUN --beta -1 --priors gmm el
  {prog} score RUN new-photos/

Runs, features and downloads live in $HEAT_HOME (default: the user's cache). `{prog} VERB --help` tells more.
"""


def main(arguments: list[str] | None = None) -> int:
    """Do what the words say; returns the exit status: 0, 2 after a mistake, 130 where it was cancelled."""
    for stream in (sys.stdout, sys.stderr):  # a file or a pipe may know no β, and no name that is not UTF-8
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        options = _parser().parse_args(_joined(sys.argv[1:] if arguments is None else arguments))
        if options.nice and hasattr(os, "nice"):
            os.nice(10)
        _require_no_empty(options)
        code = options.do(options)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code or 0
    except BrokenPipeError:  # the reader has what it wanted: `… | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except HeatError as error:
        print(f"heat_core: {printable(str(error))}", file=sys.stderr)
        return 2
    except (Cancelled, KeyboardInterrupt):
        print("heat_core: cancelled; what was finished is kept.", file=sys.stderr)
        return 130
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        print(f"heat_core: {sentence_of(error)}", file=sys.stderr)
        return 2


def _require_no_empty(options: argparse.Namespace) -> None:
    """Refuse empty words: as a path they would be the working directory, as an option they would do nothing."""
    for name, value in vars(options).items():
        if name != "name" and "" in (value if isinstance(value, list) else [value]):
            raise HeatError(
                f"{name.replace('_', '-')} is empty: leave it out, or say which (is a variable of the shell not set?)."
            )


def _joined(arguments: list[str]) -> list[str]:
    """`--beta -inf` as `--beta=-inf`: argparse would take -inf and -1e6 for words."""
    words = list(arguments)
    for i in reversed(range(len(words) - 1)):
        if words[i] == "--beta" and words[i + 1].startswith("-"):
            words[i : i + 2] = [f"--beta={words[i + 1]}"]
    return words


def _parser() -> argparse.ArgumentParser:
    prog = "heat" if Path(sys.argv[0]).stem == "heat" else "python -m heat_core"
    parser = argparse.ArgumentParser(
        prog=prog,
        usage=f"{prog} [--version] [--nice] VERB …",
        description=_FRONT_PAGE,
        epilog=_EXAMPLES.format(prog=prog),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"heat_core {__version__}")
    parser.add_argument("--nice", action="store_true", help="give way to other processes, as the app's jobs do")
    # The front page lists the verbs, in groups.
    verbs = parser.add_subparsers(required=True, metavar="VERB", help=argparse.SUPPRESS, prog=prog)
    look = (_add_list, _add_show, _add_compare, _add_report)
    for add in (_add_demo, _add_run, _add_job, _add_map, _add_study, _add_train, *look, *SCORING_VERBS):
        add(verbs)
    verbs.add_parser("detectors", description="Every method to compare with.").set_defaults(do=runs.detectors)
    return parser


def _add_demo(verbs: Verbs) -> None:
    demo = verbs.add_parser("demo", description="Run the embedded demo: no download, about half a minute.")
    json_line(demo)
    demo.set_defaults(do=lambda o: runs.execute(demo_experiment(), o.json))


def _add_run(verbs: Verbs) -> None:
    run = verbs.add_parser("run", description="Run an experiment on your own images.")
    _experiment_options(run)
    run.add_argument("--seed", type=int, metavar="N", help="of everything random (default: 0)")
    run.add_argument("--name", help="of the run")
    run.add_argument("--no-map", action="store_true", help="leave the UMAP map out")
    json_line(run)
    run.set_defaults(do=lambda o: runs.execute(_experiment(o), o.json))


def _experiment_options(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """What a run and a study are asked for alike."""
    images = parser.add_argument_group("images")
    known_images = "training images of the known classes; a flat folder, or a LIST without labels, has none"
    images.add_argument("--id", required=required, metavar="DIR|LIST|NAME", help=known_images)
    tests = "ID test images (default: those of the LIST --id, or every fifth of --id)"
    images.add_argument("--id-test", metavar="DIR|LIST|NAME", help=tests)
    images.add_argument(
        "--ood", nargs="+", action="extend", required=required, metavar="NAME=DIR|LIST|NAME", help="unknown images"
    )
    listed(parser, "--group", "NAME=near|mid|far", "how far each OOD set is")
    images.add_argument("--limit", type=int, metavar="PER_CLASS", help="images a class, in every set")
    images.add_argument("--limit-test", type=int, metavar="PER_CLASS", help="the same, for --id-test")
    images.add_argument("--limit-ood", type=int, metavar="PER_CLASS", help="the same, for --ood")
    clusters = "that stand for the classes of an --id without any (default: 10, fewer below 200 images)"
    images.add_argument("--clusters", type=int, metavar="N", help=clusters)
    images.add_argument("--share", type=float, metavar="0…1", help="of the training images that are learned from")
    network(parser, required, two=True, more="; or `features`: every set is a folder of avg.npy (std.npy, labels.npy)")
    listed(parser, "--priors", "PRIOR", f"among {', '.join(ALL_PRIORS)} (default: the paper's three)")
    known, basic = ", ".join(detectors.names()), ", ".join(detectors.BASIC)
    listed(parser, "--detectors", "NAME", f"to compare with: all, or among {known} (default: {basic})", nargs="*")
    parser.add_argument("--preset", help=f"training settings: {', '.join(PRESET_NAMES)} (default: paper)")
    listed(parser, "--set", "KEY=VALUE", "changes to the preset, e.g. lambda_=5")
    parser.add_argument("--covariance", help=f"of the mixtures: {', '.join(COVARIANCES)} (default: auto)")
    parser.add_argument("--mixture-weights", help=f"of their classes: {', '.join(MIXTURE_WEIGHTS)} (default: uniform)")


def _add_study(verbs: Verbs) -> None:
    study = verbs.add_parser(
        "study",
        description="Many runs that differ in one thing, and the table or figure over them. What is finished is never "
        "done again; `--id cifar10` (or cifar100) alone takes the paper's own sets and network from the internet.",
    )
    study.add_argument("study", nargs="?", metavar="NAME", help=f"one of {', '.join(STUDY_NAMES)}")
    _experiment_options(study, required=False)
    study.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N", help="(default: 0 1 2)")
    study.add_argument("--values", nargs="+", type=float, default=[], metavar="X", help="of what is varied: λ, shares")
    study.add_argument("--out", metavar="DIR", help="where the page and the tables go (default: in the study's folder)")
    study.add_argument("--resume", metavar="DIR", help="go on with the study of this folder (the app does)")
    study.set_defaults(do=lambda o: runs.study(o, _experiment))


def _experiment(o: argparse.Namespace) -> Experiment:
    """What the words ask for; what was not given is as `Experiment` has it."""
    given = vars(o) | {
        "ood": _pairs(o.ood or [], "NAME=DIR"),
        "groups": _pairs(o.group or [], "NAME=near"),
        "settings": _pairs(o.set or [], "KEY=VALUE"),
        "map": not getattr(o, "no_map", True),
    }
    return Experiment.of_words(given)


def _pairs(words: list[str], example: str) -> dict[str, str]:
    for word in words:
        if "=" not in word:
            raise HeatError(f"{word!r} should read {example}.")
    pairs = [(name, value) for name, _, value in (word.partition("=") for word in words)]
    if len(dict(pairs)) < len(pairs):
        raise HeatError(f"A name is used twice in {' '.join(words)}: give each its own.")
    return dict(pairs)


def _add_job(verbs: Verbs) -> None:
    job = verbs.add_parser("job", description="Start or resume the job of a run folder.")
    job.add_argument("run", metavar="RUN")
    job.set_defaults(do=runs.job)


def _add_map(verbs: Verbs) -> None:
    fitted = verbs.add_parser("map", description="Fit the UMAP map of a run that was made without one.")
    fitted.add_argument("run", metavar="RUN")
    fitted.set_defaults(do=runs.fit_map)


def _add_train(verbs: Verbs) -> None:
    train = verbs.add_parser(
        "train-backbone",
        description="Train a ResNet with the 3×3 stem for small images, from nothing. A killed training goes on after "
        "its last epoch when the same command is given again.",
    )
    train.add_argument("--arch", required=True, metavar="NAME", help="resnet18, resnet34 or another ResNet of timm")
    train.add_argument("--id", required=True, metavar="DIR|NAME", help="training images of the known classes")
    train.add_argument("--id-test", metavar="DIR|NAME", help="test images (default: every fifth of --id)")
    train.add_argument("--out", required=True, metavar="FILE", help="what is written, a .safetensors file")
    train.add_argument("--limit", type=int, metavar="PER_CLASS", help="training images a class")
    train.add_argument("--width", type=float, metavar="X", help="times the channels, e.g. 0.5 (default: 1)")
    train.add_argument("--image-size", type=int, metavar="N", help="side of the input in pixels (default: 32)")
    train.add_argument("--epochs", type=int, metavar="N", help="default: 20")
    train.add_argument("--batch-size", type=int, metavar="N", help="images a step (default: 256)")
    train.add_argument("--lr", type=float, metavar="X", help="the highest learning rate (default: 0.2)")
    train.add_argument("--weight-decay", type=float, metavar="X", help="default: 0.0005")
    train.add_argument("--label-smoothing", type=float, metavar="X", help="default: 0")
    train.add_argument("--precision", metavar="P", help="fp32, bf16, or auto, the faster one (default: auto)")
    train.add_argument("--seed", type=int, metavar="N", help="of everything random (default: 0)")
    json_line(train)
    train.set_defaults(do=runs.train_backbone)


def _add_list(verbs: Verbs) -> None:
    verbs.add_parser("list", description="All runs, the newest first.").set_defaults(do=runs.list_all)


def _add_show(verbs: Verbs) -> None:
    show = verbs.add_parser("show", description="The table of one run.")
    show.add_argument("run", metavar="RUN", help="a run's name or folder")
    lens(show)
    json_line(show)
    show.set_defaults(do=runs.show)


def _add_compare(verbs: Verbs) -> None:
    compare = verbs.add_parser(
        "compare", description="Detectors × OOD sets of one or several runs, near, mid and far (Tab. 4)."
    )
    compare.add_argument("runs", nargs="+", metavar="RUN")
    compare.add_argument("--metric", default="auroc", help=f"one of {', '.join(METRICS)} (default: auroc)")
    listed(compare, "--detectors", "NAME", "rows (default: all of each run)")
    compare.add_argument("--subsets", action="store_true", help="add every subset of the corrected priors (Tab. 3)")
    lens(compare, priors=False)
    compare.add_argument("--format", default="markdown", choices=list(runs.FORMATS))
    compare.set_defaults(do=runs.compare)


def _add_report(verbs: Verbs) -> None:
    report = verbs.add_parser("report", description="A run as one HTML page that opens without internet.")
    report.add_argument("run", metavar="RUN")
    report.add_argument("--out", metavar="FILE", help="default: RUN.html in the working directory")
    lens(report, priors=False)
    report.set_defaults(do=runs.report)


if __name__ == "__main__":
    sys.exit(main())
