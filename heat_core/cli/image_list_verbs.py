"""Verbs for long lists of images, which are processed in shards: `score --out FOLDER` and `extract`."""

import argparse
from typing import TYPE_CHECKING

from heat_core.cli.open_guard import exit_code, open_guard_at_alpha
from heat_core.cli.output import print_invalid_rows, print_json, print_line, print_stage, print_table, stop_on_sigterm
from heat_core.errors import HeatError
from heat_core.memory import require_memory
from heat_core.storage import expand_home

if TYPE_CHECKING:
    from heat_core.shards.list_scoring import ScoreSummary
    from heat_core.shards.shard_plan import EngineOptions


def score_into_shards(options: argparse.Namespace) -> int:
    """Write shards of scores, print their summary, and return the exit code."""
    from heat_core.shards.list_scoring import score_list

    if options.by is not None or options.by_class:
        raise HeatError(
            f"{'--by' if options.by is not None else '--by-class'} is for images scored at once: write a table (--out "
            "FILE.parquet), or read the scores of the shards."
        )
    sources, out = [expand_home(path) for path in options.images], expand_home(options.out)
    guard = open_guard_at_alpha(options)
    summary = score_list(guard, sources, out, _engine_options(options), options.keep, None, print_stage)
    print_table(
        [
            ["unknown" if value > summary.threshold else "known", f"{value:8.3f}", f"p {p:.4f}", predicted_class, path]
            for value, p, path, predicted_class in summary.top
        ],
        align="<",
    )
    print_invalid_rows(summary.invalid_rows)
    readable_count = summary.image_count - summary.unreadable_count
    unknown_share = summary.unknown_count / readable_count if readable_count else 0.0
    counts = f"{summary.unknown_count:,} of {readable_count:,} images unknown ({unknown_share:.1%})"
    print_line(f"{counts}, {summary.unreadable_count:,} not readable: {options.out}")
    if options.json:
        _print_summary_json(guard.name, options.out, summary)
    return exit_code(unknown_share, options)


def _print_summary_json(run: str, out: str, summary: "ScoreSummary") -> None:
    keys = ("score", "p_value", "image", "taken_for")
    result = {
        "run": run,
        "out": out,
        "images": summary.image_count,
        "unreadable": summary.unreadable_count,
        "unknown": summary.unknown_count,
        "threshold": summary.threshold,
        "top": [dict(zip(keys, row, strict=True)) for row in summary.top],
        "bad": summary.invalid_rows,
    }
    print_json(result)


def extract(options: argparse.Namespace) -> None:
    """Extract features of a list of images into a folder for `run --backbone features`."""
    require_memory()
    from heat_core.backbones.registry import load_backbone
    from heat_core.shards.list_extraction import extract_list

    stop_on_sigterm()
    backbone = load_backbone(options.backbone, options.weights, options.image_size)
    sources, out = [expand_home(path) for path in options.images], expand_home(options.out)
    image_list = extract_list(backbone, sources, out, _engine_options(options), options.batch_size, print_stage)
    print_invalid_rows(image_list.invalid_rows)
    print_line(options.out)


def _engine_options(options: argparse.Namespace) -> "EngineOptions":
    from heat_core.shards.shard_plan import EngineOptions

    values = {
        "address": options.address,
        "workers": options.workers,
        "threads": options.threads,
        "shard_size": options.shard,
    }
    return EngineOptions(options.engine, **{name: value for name, value in values.items() if value is not None})
