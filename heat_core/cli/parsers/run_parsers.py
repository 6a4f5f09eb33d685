"""Parsers of the verbs that make runs: demo, run, job, map, study, train-backbone."""

from heat_core.cli.experiment_options import add_detectors_option, add_experiment_options
from heat_core.cli.options import Verbs, add_json_option
from heat_core.cli.run_verbs import demo, fit_map, job, run, study
from heat_core.cli.train_backbone_verb import train_backbone
from heat_core.studies import STUDY_NAMES


def _add_demo(verbs: Verbs) -> None:
    parser = verbs.add_parser("demo", description="Run the embedded demo: no download, about half a minute.")
    add_detectors_option(parser)
    add_json_option(parser)
    parser.set_defaults(do=demo)


def _add_run(verbs: Verbs) -> None:
    parser = verbs.add_parser("run", description="Run an experiment on your own images.")
    add_experiment_options(parser)
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the random numbers (default: 0)")
    parser.add_argument("--name", help="name of the run")
    parent_help = "a run that this one follows: features that it kept are used, and Compare begins with it"
    parser.add_argument("--parent", metavar="RUN", help=parent_help)
    parser.add_argument("--no-map", action="store_true", help="do not fit the UMAP map")
    add_json_option(parser)
    parser.set_defaults(do=run)


def _add_job(verbs: Verbs) -> None:
    parser = verbs.add_parser("job", description="Start or resume the job of a run folder.")
    parser.add_argument("run", metavar="RUN")
    parser.set_defaults(do=job)


def _add_map(verbs: Verbs) -> None:
    parser = verbs.add_parser("map", description="Fit the UMAP map of a run that was made without one.")
    parser.add_argument("run", metavar="RUN")
    parser.set_defaults(do=fit_map)


def _add_study(verbs: Verbs) -> None:
    parser = verbs.add_parser(
        "study",
        description="Many runs that differ in one setting, and the table or figure over them. Finished runs are never "
        "repeated; `--id cifar10` (or cifar100) alone takes the paper's own sets and network from the internet. "
        "Residuals are trained with the preset `quick`, as by `run`; --preset paper reproduces the paper.",
    )
    parser.add_argument("study", nargs="?", metavar="NAME", help=f"one of {', '.join(STUDY_NAMES)}")
    add_experiment_options(parser, required=False)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="N", help="(default: 0 1 2)")
    values_help = "values of the setting that is varied: λ, shares, numbers of updates"
    parser.add_argument("--values", nargs="+", type=float, default=[], metavar="X", help=values_help)
    residuals_help = "with leave-out: train residuals for each class that is left out, too"
    parser.add_argument("--residuals", action="store_true", help=residuals_help)
    out_help = "where the page and the tables go (default: in the study's folder)"
    parser.add_argument("--out", metavar="DIR", help=out_help)
    parser.add_argument("--resume", metavar="DIR", help="resume the study of this folder (the app does)")
    add_json_option(parser)
    parser.set_defaults(do=study)


def _add_train_backbone(verbs: Verbs) -> None:
    parser = verbs.add_parser(
        "train-backbone",
        description="Train a ResNet with the 3×3 stem for small images, from random weights or from those of an "
        "earlier training. A killed training goes on after its last epoch when the same command is given again.",
    )
    parser.add_argument("--arch", required=True, metavar="NAME", help="resnet18, resnet34 or another ResNet of timm")
    parser.add_argument("--id", required=True, metavar="DIR|NAME", help="training images of the known classes")
    parser.add_argument("--id-test", metavar="DIR|NAME", help="test images (default: every fifth of --id)")
    parser.add_argument("--out", required=True, metavar="FILE", help="the .safetensors file that is written")
    initial_help = "begin from the weights that an earlier train-backbone wrote, as after a class was added"
    parser.add_argument("--initial-weights", metavar="FILE", help=initial_help)
    parser.add_argument("--limit", type=int, metavar="PER_CLASS", help="training images per class")
    parser.add_argument("--width", type=float, metavar="X", help="factor of the channels, e.g. 0.5 (default: 1)")
    parser.add_argument("--image-size", type=int, metavar="N", help="side of the input in pixels (default: 32)")
    parser.add_argument("--epochs", type=int, metavar="N", help="default: 20")
    parser.add_argument("--batch-size", type=int, metavar="N", help="images per step (default: 256)")
    parser.add_argument("--lr", type=float, metavar="X", help="the highest learning rate (default: 0.2)")
    parser.add_argument("--weight-decay", type=float, metavar="X", help="default: 0.0005")
    parser.add_argument("--label-smoothing", type=float, metavar="X", help="default: 0")
    parser.add_argument("--precision", metavar="P", help="fp32, bf16, or auto, the faster one (default: auto)")
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the random numbers (default: 0)")
    add_json_option(parser)
    parser.set_defaults(do=train_backbone)


RUN_PARSERS = (_add_demo, _add_run, _add_job, _add_map, _add_study, _add_train_backbone)
