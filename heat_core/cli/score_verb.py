"""Implementation of the verbs `pack` and `score`."""

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from heat_core.cli.image_list_verbs import score_into_shards
from heat_core.cli.open_guard import alpha_from_options, exit_code, open_guard, open_guard_at_alpha
from heat_core.cli.output import print_line, print_stage, stop_on_sigterm
from heat_core.cli.verdict_output import ScoredImages, print_drift, print_result_json, print_verdicts
from heat_core.errors import HeatError
from heat_core.memory import require_memory
from heat_core.names import printable
from heat_core.runs.run import Run
from heat_core.storage import expand_home

if TYPE_CHECKING:
    from heat_core.data.image_set import ImageSet
    from heat_core.features.batches import ExtractionProgress


def pack(options: argparse.Namespace) -> None:
    """Write a run as one file that scores images without it."""
    require_memory()
    if not (options.out or options.onnx):
        raise HeatError("Say where the guard goes: --out FILE.safetensors, or --onnx FILE.onnx.")
    guard = open_guard(options, only_composed=True)
    if options.out:
        guard.save(out := expand_home(options.out), with_weights=options.with_weights)
        print_line(f"{printable(out)} ({out.stat().st_size / 1e6:.1f} MB)")
    if options.onnx:
        from heat_core.guard.onnx_file import OUTPUTS, write_onnx

        write_onnx(guard, onnx := expand_home(options.onnx))
        print_line(f"{printable(onnx)} ({onnx.stat().st_size / 1e6:.1f} MB): pixels → {', '.join(OUTPUTS)}")
    print_line(f"{guard.calibration_note} The smallest p-value is {guard.calibration.smallest_p:.2g}.")


def score(options: argparse.Namespace) -> int:
    """Score images, and print a line or write a row for each.

    Returns:
        The exit code: 1 if more images are unknown than `--fail-above` allows, else 0.
    """
    require_memory()
    from heat_core.guard.table import is_table

    if options.out and options.into:
        raise HeatError("--into writes the result that the app shows, --out a table or shards: give one of them.")
    _require_share(options.fail_above)
    stop_on_sigterm()
    if options.into:
        return _score_into_folder(options)
    if options.out and not is_table(expand_home(options.out)):
        return score_into_shards(options)
    if (options.engine, options.address, options.workers, options.threads) != ("loop", None, None, None):
        raise HeatError("Long lists are written into a folder: say which with --out.")
    return _score_images(options)


def _score_into_folder(options: argparse.Namespace) -> int:
    """Write the result into the folder that the app shows."""
    from heat_core.pipeline.scoring import score_into

    paths = [expand_home(path) for path in options.images]
    scored = score_into(Run.open(options.run), paths, expand_home(options.into), print_stage)
    print_line(f"{len(scored)} images scored, {len(scored.skipped)} not readable: {options.into}")
    return 0


def _score_images(options: argparse.Namespace) -> int:
    """Score images without shards, and print a line for each or write a table."""
    from heat_core.data.datasets import from_files
    from heat_core.guard.table import write_table

    guard, images = open_guard_at_alpha(options), from_files([expand_home(path) for path in options.images])
    for note in images.notes:
        print_line(note, sys.stderr)
    groups = None if options.by is None else _group_names(images, options.by)
    verdicts = guard(images, on_progress=_print_progress, by_class=options.by_class)
    alpha = alpha_from_options(options)
    unknown = verdicts.unknown(alpha) if options.by_class else verdicts.score > guard.threshold
    if options.out:
        with_paths = replace(verdicts, ids=images.paths())
        write_table(with_paths, unknown, expand_home(options.out), images.columns)
    else:
        print_verdicts(verdicts, unknown)
    for name, error in zip(verdicts.ids, verdicts.error, strict=True):
        if error:
            print_line(f"skipped, {error}: {name}", sys.stderr)
    if all(verdicts.error):
        raise HeatError(f"None of the {len(verdicts)} images has a score, first {verdicts.ids[0]}: check them.")
    return _print_summary(options, ScoredImages(guard, verdicts, unknown, alpha), groups)


def _print_summary(options: argparse.Namespace, scored: ScoredImages, groups: np.ndarray | None) -> int:
    """Print the number of unknown images and the drift of their groups, and return the exit code."""
    from heat_core.guard.drift import drift

    guard, verdicts, alpha = scored.guard, scored.verdicts, scored.alpha
    drifts = [] if groups is None else drift(guard.calibration, verdicts.score, groups.tolist(), alpha)
    unknown_count, scored_count = int(scored.unknown.sum()), scored.scored_count
    stream = sys.stdout if options.out or groups is not None else sys.stderr
    print_line(f"{unknown_count:,} of {scored_count:,} images unknown ({scored.unknown_share:.1%}).", stream)
    discoveries = f"At {alpha:.3g} false discoveries {scored.discovery_count:,} of them are unknown."
    print_line(f"{discoveries} {guard.calibration_note}", stream)
    print_drift(drifts, alpha)
    if options.json:
        print_result_json(scored, drifts)
    return exit_code(scored.unknown_share, options)


def _require_share(share: float | None) -> None:
    if share is not None and not 0 <= share <= 1:
        raise HeatError(f"--fail-above is {share}: give a share between 0 and 1.")


def _group_names(images: "ImageSet", column: str) -> np.ndarray:
    """Return the (N,) group of each image, from a column of the manifest."""
    from heat_core.runs.metadata_columns import groups_of

    if column not in images.columns:
        known = ", ".join(map(printable, images.columns)) or "none: give a manifest that has it"
        raise HeatError(f"There is no column {column!r} to group by, only {known}.")
    return groups_of(images.columns, column)


def _print_progress(record: "ExtractionProgress") -> None:
    print_stage("features", f"{record['done']} of {record['total']} images", **record)
