"""Catalogue of the studies by name, and `paper`, which combines those that repeat the paper on one base."""

from argparse import Namespace
from collections.abc import Sequence

from heat_core.data.made.made_sets import MADE
from heat_core.errors import HeatError
from heat_core.runs.experiment import Experiment
from heat_core.studies.cost_study import COST
from heat_core.studies.curve_studies import BETA, LAMBDA, SHARE, UPDATES
from heat_core.studies.leave_out_study import LEAVE_OUT, LEAVE_OUT_RESIDUALS
from heat_core.studies.results import Result
from heat_core.studies.study import FinishedRuns, Study, StudySetting
from heat_core.studies.table_studies import DICE, METHODS, NEAR_FAR, PRIORS

_STUDIES = {
    "priors": PRIORS,
    "methods": METHODS,
    "near-far": NEAR_FAR,
    "beta": BETA,
    "lambda": LAMBDA,
    "share": SHARE,
    "dice": DICE,
    "cost": COST,
}


def _vary_all(base: Experiment, values: Sequence[float]) -> list[StudySetting]:  # noqa: ARG001 (each part has its own)
    """List the settings of all parts, each setting once."""
    settings = {s.label: s for part in _STUDIES.values() for s in part.vary(base, part.values)}
    return list(settings.values())


def _show_all(finished: FinishedRuns) -> list[Result]:
    results = []
    for part in _STUDIES.values():
        wanted = {s.label for s in part.vary(_base_experiment(finished), part.values)} if finished.runs else set()
        own = tuple((setting, runs) for setting, runs in finished.runs if setting.label in wanted)
        results += part.show(FinishedRuns(own, finished.measurements))
    return results


def _base_experiment(finished: FinishedRuns) -> Experiment:
    return finished.runs[0][0].experiment


STUDIES = _STUDIES | {
    "updates": UPDATES,
    "leave-out": LEAVE_OUT,
    "leave-out-residuals": LEAVE_OUT_RESIDUALS,
    "paper": Study(
        "All tables and figures of the paper",
        "Tabs. 1 to 12, Figs. 1, 3 and 4",
        _vary_all,
        _show_all,
        measure=COST.measure,
    ),
}


# Sets and network of the paper (App. B), used where one of its ID sets is named.
_PAPER_DEFAULTS = {
    name: {
        "backbone": f"resnet34_{name}",
        "ood": [
            f"{other}={other}",
            "tiny-imagenet=tiny-imagenet",
            "lsun=lsun",
            "places365=places365",
            "textures=textures",
            "svhn=svhn",
        ],
        "id_test": name,
    }
    for name, other in (("cifar10", "cifar100"), ("cifar100", "cifar10"))
}


def fill_paper_defaults(options: Namespace) -> Namespace:
    """Fill missing options of a command line with the paper's sets and network, if its ID set is one of the paper's.

    The study `leave-out`, with and without residuals, needs no OOD set: those that are made from the ID test images are
    added to any that are given, and stand alone where none is.

    Raises:
        HeatError: where `--id`, `--ood` or `--backbone` is still missing.
    """
    if str(options.study).startswith("leave-out") and options.ood is None:
        options.ood = list(MADE)
    for option, value in _PAPER_DEFAULTS.get(options.id, {}).items():
        if getattr(options, option) is None:
            setattr(options, option, value)
    for option in ("id", "ood", "backbone"):
        if getattr(options, option) is None:
            raise HeatError(f"A study needs --{option}: give it as for `run`, or --id cifar10 for the paper's sets.")
    return options


def study_of(name: str) -> Study:
    """Return the study with a name.

    Raises:
        HeatError: where there is no such study.
    """
    if name not in STUDIES:
        raise HeatError(f"There is no study {name!r}: choose one of {', '.join(STUDIES)}.")
    return STUDIES[name]
