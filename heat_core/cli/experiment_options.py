"""Options of an experiment, which `run` and `study` share, and the experiment that they describe."""

import argparse

from heat_core import detectors
from heat_core.cli.options import add_backbone_options, add_list_option
from heat_core.data.made.made_sets import MADE
from heat_core.energies.names import all_priors
from heat_core.energies.settings import DEFAULT_PRESET, PRESET_PURPOSES
from heat_core.errors import HeatError
from heat_core.runs.experiment import COVARIANCES, MIXTURE_WEIGHTS, Experiment

_OOD_FORMS = f"NAME=DIR, or be one of {', '.join(MADE)}"


def add_experiment_options(parser: argparse.ArgumentParser, required: bool = True) -> None:
    """Add the options of an experiment.

    Args:
        parser: parser of the verb.
        required: whether `--id`, `--ood` and `--backbone` must be given.
    """
    _add_image_options(parser, required)
    features_help = "; or `features`: every set is a folder of avg.npy (std.npy, labels.npy)"
    add_backbone_options(parser, required, two=True, more=features_help)
    add_list_option(parser, "--priors", "PRIOR", f"among {', '.join(all_priors())} (default: the paper's three)")
    add_detectors_option(parser)
    purposes = "; ".join(f"{preset}: {purpose}" for preset, purpose in PRESET_PURPOSES.items())
    parser.add_argument("--preset", help=f"training settings (default: {DEFAULT_PRESET}). {purposes}")
    add_list_option(parser, "--set", "KEY=VALUE", "changes to the preset, e.g. lambda_=5")
    parser.add_argument("--covariance", help=f"covariance of the mixtures: {', '.join(COVARIANCES)} (default: auto)")
    parser.add_argument(
        "--mixture-weights", help=f"weights of the mixtures' classes: {', '.join(MIXTURE_WEIGHTS)} (default: uniform)"
    )


def add_detectors_option(parser: argparse.ArgumentParser) -> None:
    """Add the option `--detectors`."""
    names, default = ", ".join(detectors.names()), ", ".join(detectors.BASIC)
    detectors_help = f"methods to compare with: all, or among {names} (default: {default})"
    add_list_option(parser, "--detectors", "NAME", detectors_help, nargs="*")


def _add_image_options(parser: argparse.ArgumentParser, required: bool) -> None:
    images = parser.add_argument_group("images")
    id_help = "training images of the known classes; a flat folder, or a LIST without labels, has no classes"
    images.add_argument("--id", required=required, metavar="DIR|LIST|NAME", help=id_help)
    test_help = "ID test images (default: those of the LIST --id, or every fifth of --id)"
    images.add_argument("--id-test", metavar="DIR|LIST|NAME", help=test_help)
    ood_help = f"unknown images; {', '.join(MADE)} are made from the ID test images"
    images.add_argument(
        "--ood", nargs="+", action="extend", required=required, metavar="NAME=DIR|LIST|NAME", help=ood_help
    )
    shifted_help = "images of --id's classes under other conditions, which count as known (full-spectrum OOD)"
    add_list_option(parser, "--shifted", "NAME=DIR|LIST|NAME", shifted_help)
    add_list_option(parser, "--group", "NAME=near|mid|far", "distance of each OOD set from the known images")
    images.add_argument("--limit", type=int, metavar="PER_CLASS", help="images per class, in every set")
    images.add_argument(
        "--limit-test", type=int, metavar="PER_CLASS", help="images per class of --id-test and --shifted"
    )
    images.add_argument("--limit-ood", type=int, metavar="PER_CLASS", help="images per class of --ood")
    cluster_help = "clusters in place of the classes of an --id without any (default: 10, fewer below 200 images)"
    images.add_argument("--clusters", type=int, metavar="N", help=cluster_help)
    images.add_argument("--share", type=float, metavar="0…1", help="share of the training images that is used")


def experiment_from_options(options: argparse.Namespace) -> Experiment:
    """Build the experiment that the options describe; missing options get the defaults of `Experiment`."""
    values = vars(options) | {
        "ood": _parse_pairs([f"{s}={s}" if s in MADE else s for s in options.ood or []], _OOD_FORMS),
        "shifted": _parse_pairs(options.shifted or [], "NAME=DIR"),
        "groups": _parse_pairs(options.group or [], "NAME=near"),
        "settings": _parse_pairs(options.set or [], "KEY=VALUE"),
        "map": not getattr(options, "no_map", True),
    }
    return Experiment.from_options(values)


def _parse_pairs(texts: list[str], example: str) -> dict[str, str]:
    """Parse texts of the form NAME=VALUE.

    Raises:
        HeatError: if a text has another form, or if a name is used twice.
    """
    for text in texts:
        if "=" not in text:
            raise HeatError(f"{text!r} should read {example}.")
    pairs = [(name, value) for name, _, value in (text.partition("=") for text in texts)]
    if len(dict(pairs)) < len(pairs):
        raise HeatError(f"A name is used twice in {' '.join(texts)}: give each its own.")
    return dict(pairs)
