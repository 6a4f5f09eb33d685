"""Parsers of the verbs that score images: pack, score, extract, positions."""

from heat_core.cli.image_list_verbs import extract
from heat_core.cli.options import (
    Verbs,
    add_backbone_options,
    add_engine_options,
    add_json_option,
    add_lens_options,
    add_run_or_guard,
)
from heat_core.cli.positions_verb import positions
from heat_core.cli.score_verb import pack, score


def _add_pack(verbs: Verbs) -> None:
    parser = verbs.add_parser(
        "pack",
        description="A run as one file (safetensors, nothing in it is code) that scores images without the run: its "
        "priors, residuals and β, and the calibration of the p-values. In Python: `Guard.load`.",
    )
    add_run_or_guard(parser)
    parser.add_argument("--out", metavar="FILE", help="the guard, a .safetensors file")
    parser.add_argument("--with-weights", action="store_true", help="store the network's weights in the file, too")
    parser.add_argument("--onnx", metavar="FILE", help="network and guard as ONNX, from pixels to p-values")
    add_lens_options(parser)
    parser.set_defaults(do=pack)


def _add_score(verbs: Verbs) -> None:
    parser = verbs.add_parser(
        "score",
        description="Score new images, the most unusual first, with p-values: the share of known images that would "
        "look at least as unusual.",
    )
    add_run_or_guard(parser)
    images_help = "DIR: also a zip or tar archive; LIST: CSV or Parquet with a column `path`"
    parser.add_argument("images", nargs="+", metavar="FILE|DIR|LIST", help=images_help)
    alpha_help = "call an image unknown where p ≤ A (default: the guard's own threshold)"
    parser.add_argument("--alpha", type=float, metavar="A", help=alpha_help)
    parser.add_argument("--by-class", action="store_true", help="p-values within the predicted class")
    by_help = "measure drift in each group of this column of the list (`time`: days)"
    parser.add_argument("--by", metavar="COLUMN", help=by_help)
    parser.add_argument("--fail-above", type=float, metavar="SHARE", help="exit with 1 where more images are unknown")
    parser.add_argument("--weights", metavar="FILE", help="new path of the weights of a guard's network")
    parser.add_argument("--second-weights", metavar="FILE", help="the same for its second encoder, if it has one")
    parser.add_argument("--into", metavar="DIR", help="write the result into this folder instead (the app does)")
    parser.add_argument(
        "--out", metavar="FILE|DIR", help="a table (.csv, .json, .parquet); or a folder, for long lists, in shards"
    )
    keep_help = "images per shard whose features are kept, see docs/scale.md"
    parser.add_argument("--keep", type=int, default=100, metavar="N", help=keep_help)
    add_engine_options(parser)
    add_lens_options(parser)
    add_json_option(parser)
    parser.set_defaults(do=score)


def _add_extract(verbs: Verbs) -> None:
    parser = verbs.add_parser("extract", description="Features of a long list of images, for `--backbone features`.")
    parser.add_argument("images", nargs="+", metavar="FILE|DIR|LIST", help="LIST: CSV or Parquet with `path`, `label`")
    add_backbone_options(parser)
    out_help = "folder of the features; the same command resumes the work in it"
    parser.add_argument("--out", required=True, metavar="DIR", help=out_help)
    add_engine_options(parser)
    parser.set_defaults(do=extract)


def _add_positions(verbs: Verbs) -> None:
    parser = verbs.add_parser(
        "positions", description="How much each position of an image adds to its GMM energy and its class's logit."
    )
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("image", metavar="SET/ID|FILE", help="a sample of the run, or an image file")
    parser.add_argument("--into", metavar="DIR", help="write the result into this folder, too (the app does)")
    parser.set_defaults(do=positions)


SCORING_PARSERS = (_add_pack, _add_score, _add_extract, _add_positions)
