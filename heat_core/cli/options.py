"""Command line options that several verbs share."""

import argparse
from typing import TypeAlias

Verbs: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # the type has no public name


def add_list_option(parser: argparse.ArgumentParser, option: str, metavar: str, help: str, nargs: str = "+") -> None:
    """Add an option with a list of values.

    If the option is given repeatedly its lists are joined; if it is not given its value is None.

    Args:
        parser: parser of the verb.
        option: name of the option, such as `--priors`.
        metavar: name of a value in the help text.
        help: help text.
        nargs: number of values, as argparse takes it.
    """
    parser.add_argument(option, nargs=nargs, action="extend", metavar=metavar, help=help)


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add the option `--json`."""
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")


def add_lens_options(parser: argparse.ArgumentParser, priors: bool = True) -> None:
    """Add the option `--beta`, and `--priors` unless `priors` is False."""
    parser.add_argument(
        "--beta",
        default="0",
        help="β, by which the energies are combined: a number, inf, -inf, or auto (chosen without OOD data)",
    )
    if priors:
        add_list_option(parser, "--priors", "PRIOR", "priors that are composed (default: all of the run)")


def add_backbone_options(
    parser: argparse.ArgumentParser, required: bool = True, two: bool = False, more: str = ""
) -> None:
    """Add the options of a network.

    Args:
        parser: parser of the verb.
        required: whether `--backbone` must be given.
        two: whether two networks may be given, so that each option takes one value per network.
        more: text that is added to the help of `--backbone`.
    """
    group = parser.add_argument_group("network")
    nargs, second_help = ("+", "; two: the second's features are priors of their own (gmm@b)") if two else (None, "")
    group.add_argument(
        "--backbone",
        required=required,
        metavar="NAME",
        help=f"any classifier of timm, torch:FILE.pt2 (of Backbone.save), hf:ID{more}{second_help}",
        nargs=nargs,
    )
    default_help = "; write - for timm's own if only the second has a file" if two else ""
    group.add_argument(
        "--weights",
        metavar="FILE",
        help=f"safetensors or torch file (default: timm's own weights){default_help}",
        nargs=nargs,
    )
    group.add_argument("--image-size", type=int, metavar="N", help="side of the input in pixels", nargs=nargs)
    group.add_argument("--batch-size", type=int, metavar="N", help="images at a time (default: chosen for the device)")


def add_run_or_guard(parser: argparse.ArgumentParser) -> None:
    """Add the positional argument RUN|GUARD."""
    parser.add_argument("run", metavar="RUN|GUARD", help="a run's name or folder, or a guard that was packed")


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Add the options for long lists, which are cut into shards."""
    group = parser.add_argument_group("long lists")
    group.add_argument("--engine", default="loop", choices=["loop", "ray"], help="default: loop, in this process")
    group.add_argument("--address", help="address of a Ray cluster; auto: this machine's (default: a new one)")
    group.add_argument(
        "--workers", type=int, metavar="N", help="workers on Ray (default: as many as there is room for)"
    )
    group.add_argument(
        "--threads", type=int, metavar="N", help="CPU threads per shard (default: all cores, on Ray at most four)"
    )
    group.add_argument("--shard", type=int, metavar="N", help="images per shard (default: 10000)")
