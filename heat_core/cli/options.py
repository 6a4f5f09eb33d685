"""Words of the command line: the options that verbs share, and all of the verbs that put a run to work."""

import argparse

from heat_core.cli import scoring

Verbs = argparse._SubParsersAction  # the type has no public name


def listed(parser: argparse.ArgumentParser, option: str, metavar: str, help: str, nargs: str = "+") -> None:
    """A list option, which may be given more than once: each adds to those before. None = not given."""
    parser.add_argument(option, nargs=nargs, action="extend", metavar=metavar, help=help)


def json_line(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")


def lens(parser: argparse.ArgumentParser, priors: bool = True) -> None:
    parser.add_argument(
        "--beta", default="0", help="β of the composition: a number, inf, -inf, or auto (chosen without OOD data)"
    )
    if priors:
        listed(parser, "--priors", "PRIOR", "those that are composed (default: all of the run)")


def network(parser: argparse.ArgumentParser, required: bool = True, two: bool = False, more: str = "") -> None:
    """Which network; where there may be `two`, each option takes one value for each."""
    group = parser.add_argument_group("network")
    both, names = ("+", "; two: the second's features are priors of their own (gmm@b)") if two else (None, "")
    group.add_argument(
        "--backbone",
        required=required,
        metavar="NAME",
        help=f"any classifier of timm, torch:FILE.pt2 (of Backbone.save), hf:ID{more}{names}",
        nargs=both,
    )
    none = "; - for timm's, where the second has a file" if two else ""
    group.add_argument(
        "--weights", metavar="FILE", help=f"safetensors or torch file (default: timm's own weights){none}", nargs=both
    )
    group.add_argument("--image-size", type=int, metavar="N", help="side of the input in pixels", nargs=both)
    group.add_argument("--batch-size", type=int, metavar="N", help="images at a time (default: as the device likes)")


def _run_or_guard(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN|GUARD", help="a run's name or folder, or a guard that was packed")


def _add_pack(verbs: Verbs) -> None:
    pack = verbs.add_parser(
        "pack",
        description="A run as one file (safetensors, nothing in it is code) that scores images without the run: its "
        "priors, residuals and β, and the calibration of the p-values. In Python: `Guard.load`.",
    )
    _run_or_guard(pack)
    pack.add_argument("--out", metavar="FILE", help="the guard, a .safetensors file")
    pack.add_argument("--with-weights", action="store_true", help="the network's weights travel in the file")
    pack.add_argument("--onnx", metavar="FILE", help="network and guard as ONNX: pixels → logits, score, energies")
    lens(pack)
    pack.set_defaults(do=scoring.pack)


def _add_score(verbs: Verbs) -> None:
    score = verbs.add_parser(
        "score",
        description="Score new images, the most unusual first, with p-values: the share of known images that would "
        "look at least as unusual.",
    )
    _run_or_guard(score)
    score.add_argument("images", nargs="+", metavar="FILE|DIR|LIST", help="LIST: CSV or Parquet with a column `path`")
    score.add_argument("--alpha", type=float, metavar="A", help="unknown is p ≤ A (default: the guard's own line)")
    score.add_argument("--by-class", action="store_true", help="p-values within the predicted class")
    score.add_argument("--by", metavar="COLUMN", help="of the list: drift of each of its groups (of `time`: days)")
    score.add_argument("--fail-above", type=float, metavar="SHARE", help="exit with 1 where more images are unknown")
    score.add_argument("--weights", metavar="FILE", help="of a guard's network, where they lie elsewhere now")
    score.add_argument("--into", metavar="DIR", help="keep the result there instead (the app does)")
    score.add_argument(
        "--out", metavar="FILE|DIR", help="a table (.csv, .json, .parquet); or a folder, for long lists, in shards"
    )
    score.add_argument("--keep", type=int, default=100, metavar="N", help="features kept a shard, see docs/scale.md")
    _engine(score)
    lens(score)
    json_line(score)
    score.set_defaults(do=scoring.score)


def _engine(parser: argparse.ArgumentParser) -> None:
    """Of long lists, which are cut into shards."""
    group = parser.add_argument_group("long lists")
    group.add_argument("--engine", default="loop", choices=["loop", "ray"], help="default: loop, in this process")
    group.add_argument("--address", help="of a Ray cluster; auto: this machine's (default: a new one)")
    group.add_argument("--workers", type=int, metavar="N", help="on Ray (default: as many as there is room for)")
    group.add_argument("--threads", type=int, metavar="N", help="a shard (default: all cores, on Ray at most four)")
    group.add_argument("--shard", type=int, metavar="N", help="images a shard (default: 10000)")


def _add_extract(verbs: Verbs) -> None:
    extract = verbs.add_parser("extract", description="Features of a long list of images, for `--backbone features`.")
    extract.add_argument("images", nargs="+", metavar="FILE|DIR|LIST", help="LIST: CSV or Parquet with `path`, `label`")
    network(extract)
    extract.add_argument("--out", required=True, metavar="DIR", help="of the features; the same command goes on")
    _engine(extract)
    extract.set_defaults(do=scoring.extract)


def _add_positions(verbs: Verbs) -> None:
    positions = verbs.add_parser(
        "positions", description="Where in an image the GMM energy and the logit of its class come from."
    )
    positions.add_argument("run", metavar="RUN")
    positions.add_argument("image", metavar="SET/ID|FILE", help="a sample of the run, or an image file")
    positions.add_argument("--into", metavar="DIR", help="keep the result there too (the app does)")
    positions.set_defaults(do=scoring.positions)


SCORING_VERBS = (_add_pack, _add_score, _add_extract, _add_positions)
