"""The verbs that put a run to work: pack it, score images with it, extract features, ask where in an image."""

import argparse
import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from heat_core.cli.output import lens_of, print_stage, say, stop_on_sigterm
from heat_core.errors import HeatError, require_room
from heat_core.runs.run import Run
from heat_core.storage import is_file, printable, typed

if TYPE_CHECKING:
    from heat_core.data.image_set import ImageSet
    from heat_core.guard.drift import Group
    from heat_core.guard.guard import Guard, Verdicts
    from heat_core.shards.plan import How

TOO_MANY = 1  # the exit code where more images are unknown than were allowed


def pack(o: argparse.Namespace) -> None:
    """A run as one file that scores images without it."""
    require_room()
    if not (o.out or o.onnx):
        raise HeatError("Say where the guard goes: --out FILE.safetensors, or --onnx FILE.onnx.")
    guard = _guard(o, only_composed=True)
    if o.out:
        guard.save(out := typed(o.out), with_weights=o.with_weights)
        say(f"{printable(out)} ({out.stat().st_size / 1e6:.1f} MB)")
    if o.onnx:
        from heat_core.guard.module import write_onnx

        write_onnx(guard, onnx := typed(o.onnx))
        say(f"{printable(onnx)} ({onnx.stat().st_size / 1e6:.1f} MB): pixels → logits, score, energies")
    say(f"{guard.remark} The smallest p-value is {guard.calibration.smallest_p:.2g}.")


def score(o: argparse.Namespace) -> int:
    """Verdicts, a line or a row an image; the exit code says whether too many are unknown."""
    require_room()
    from heat_core.guard.table import is_table

    if o.out and o.into:
        raise HeatError("--into keeps one small result, --out a long list's: give one of them.")
    _require_share(o.fail_above)
    stop_on_sigterm()
    if o.into:
        return _score_into(o)
    if o.out and not is_table(typed(o.out)):
        return _score_list(o)
    if (o.engine, o.address, o.workers, o.threads) != ("loop", None, None, None):
        raise HeatError("Long lists are written into a folder: say which with --out.")
    return _score_images(o)


def _score_into(o: argparse.Namespace) -> int:
    """Keep what the app shows."""
    from heat_core.pipeline.scoring import score_into

    scored = score_into(Run.open(o.run), [typed(p) for p in o.images], typed(o.into), print_stage)
    say(f"{len(scored)} images scored, {len(scored.skipped)} not readable: {o.into}")
    return 0


def _score_images(o: argparse.Namespace) -> int:
    from heat_core.data.datasets import from_files
    from heat_core.guard.table import write_table

    guard, images = _guard_at_rate(o), from_files([typed(p) for p in o.images])
    for note in images.notes:
        say(note, sys.stderr)
    groups = None if o.by is None else _groups(images, o.by)
    found = guard(images, on_progress=_tell_images, by_class=o.by_class)
    unknown = found.unknown(_rate(o)) if o.by_class else found.score > guard.threshold
    if o.out:
        write_table(found, unknown, typed(o.out), images.columns)
    else:
        _print_images(found, unknown)
    for name, error in zip(found.ids, found.error, strict=True):
        if error:
            say(f"skipped, {error}: {name}", sys.stderr)
    if all(found.error):
        raise HeatError(f"None of the {len(found)} images has a score, first {found.ids[0]}: check them.")
    return _outcome(o, guard, found, unknown, groups)


def _outcome(
    o: argparse.Namespace, guard: "Guard", found: "Verdicts", unknown: np.ndarray, groups: np.ndarray | None
) -> int:
    """Say what the images show as a whole."""
    from heat_core.guard.drift import drift

    alpha, scored = _rate(o), int((~np.isnan(found.score)).sum())
    discovered = int(found.discoveries(alpha).sum())
    share = float(unknown.sum()) / scored
    by_group = [] if groups is None else drift(guard.calibration, found.score, groups.tolist(), alpha)
    to = sys.stdout if o.out or groups is not None else sys.stderr
    say(f"{int(unknown.sum()):,} of {scored:,} images unknown ({share:.1%}).", to)
    say(f"At {alpha:.3g} false discoveries {discovered:,} of them are unknown. {guard.remark}", to)
    _print_groups(by_group, alpha)
    if o.json:
        classes = found.taken_for
        images = [
            {
                "image": found.ids[i],
                "score": float(found.score[i]),
                "p_value": float(found.p_value[i]),
                "unknown": bool(unknown[i]),
                "taken_for": classes[i],
                "confidence": float(found.confidence[i]),
            }
            for i in _most_unusual_first(found)
        ]
        answer = {
            "run": guard.name,
            "threshold": guard.threshold,
            "alpha": alpha,
            "smallest_p": guard.calibration.smallest_p,
            "share": share,
            "discoveries": discovered,
            "images": images,
            "skipped": [name for name, error in zip(found.ids, found.error, strict=True) if error],
            "groups": [vars(group) for group in by_group],
        }
        say(json.dumps(answer))
    return _exit_code(share, o)


def _exit_code(share: float, o: argparse.Namespace) -> int:
    if o.fail_above is None or share <= o.fail_above:
        return 0
    say(f"{share:.1%} of the images are unknown, more than {o.fail_above:.1%}.", sys.stderr)
    return TOO_MANY


def _require_share(share: float | None) -> None:
    if share is not None and not 0 <= share <= 1:
        raise HeatError(f"--fail-above is {share}: give a share between 0 and 1.")


def _guard(o: argparse.Namespace, only_composed: bool = False) -> "Guard":
    """What was named: a guard's file, or a run."""
    from heat_core.guard.guard import Guard
    from heat_core.pipeline.build_guard import guard_of

    path = typed(o.run)
    if is_file(path):
        if o.beta != "0" or o.priors:
            raise HeatError("β and the priors of a guard are fixed: pack its run again with others.")
        return Guard.load(path, weights=getattr(o, "weights", None))
    if getattr(o, "weights", None):
        raise HeatError("--weights are for a guard whose network lies elsewhere; a run knows where its weights are.")
    run = Run.open(o.run)
    return guard_of(run, lens_of(o, run), print_stage, only_composed)


def _guard_at_rate(o: argparse.Namespace) -> "Guard":
    """The same, with its line where the rate that was asked for draws it."""
    guard = _guard(o)
    if o.alpha is not None:
        guard.lens = replace(guard.lens, threshold=None, alpha=o.alpha)
    if o.alpha is not None or o.by_class:
        _tell_unreachable(guard, _rate(o), o.by_class)
    return guard


def _rate(o: argparse.Namespace) -> float:
    from heat_core.guard.conformal import USUAL_ALPHA

    return USUAL_ALPHA if o.alpha is None else o.alpha


def _tell_unreachable(guard: "Guard", alpha: float, by_class: bool) -> None:
    """Say where p ≤ α can never be."""
    if by_class and (few := guard.calibration.too_few(alpha, guard.class_names)):
        shown = ", ".join(few[:5]) + (" …" if len(few) > 5 else "")
        say(f"Too few calibration images to call any image unknown that is taken for {shown}.", sys.stderr)
    elif not by_class and guard.calibration.smallest_p > alpha:
        say(f"p ≤ {alpha:g} cannot be: the smallest is {guard.calibration.smallest_p:.2g}.", sys.stderr)


def _groups(images: "ImageSet", column: str) -> np.ndarray:
    """(N,) the group of each image: a column of the manifest."""
    from heat_core.runs.metadata_columns import groups_of

    if column not in images.columns:
        known = ", ".join(map(printable, images.columns)) or "none: give a manifest that has it"
        raise HeatError(f"There is no column {column!r} to group by, only {known}.")
    return groups_of(images.columns, column)


def _most_unusual_first(found: "Verdicts") -> list[int]:
    return [int(i) for i in np.argsort(-found.score, kind="stable") if not found.error[i]]


def _print_images(found: "Verdicts", unknown: np.ndarray) -> None:
    classes = found.taken_for
    for i in _most_unusual_first(found):
        verdict = "unknown" if unknown[i] else "known"
        numbers = f"{found.score[i]:8.3f}  p {found.p_value[i]:.4f}"
        say(f"{verdict:<8} {numbers}  {classes[i]} {found.confidence[i]:.0%}  {found.ids[i]}")


def _print_groups(groups: "list[Group]", alpha: float) -> None:
    if not groups:
        return
    width = max(5, *(len(printable(g.name)) for g in groups))
    say(f"{'group':<{width}}  images  p ≤ {alpha:<5g}  95 % interval     KS     p (Holm)")
    for g in groups:
        interval = f"{g.low:6.1%} to {g.high:6.1%}"
        numbers = f"{g.images:6,}  {g.share:8.1%}  {interval}  {g.distance:.3f}  {g.p_value:9.2g}"
        say(f"{printable(g.name):<{width}}  {numbers}  {g.verdict}")


def _tell_images(record: Any) -> None:
    print_stage("features", f"{record['done']} of {record['total']} images")


def _score_list(o: argparse.Namespace) -> int:
    """Shards of scores, and what they show."""
    from heat_core.shards.scores import score_list

    if o.by is not None or o.by_class:
        raise HeatError(
            f"{'--by' if o.by is not None else '--by-class'} is for images scored at once: write a table (--out "
            "FILE.parquet), or read the scores of the shards."
        )
    sources = [typed(p) for p in o.images]
    found = score_list(guard := _guard_at_rate(o), sources, typed(o.out), _how(o), o.keep, None, print_stage)
    for value, p, path, taken in found.top:
        verdict = "unknown" if value > found.threshold else "known"
        say(f"{verdict:<8} {value:8.3f}  p {p:.4f}  {taken}  {path}")
    _say_bad(found.bad)
    readable = found.images - found.unreadable
    share = found.unknown / readable if readable else 0.0
    say(f"{found.unknown:,} of {readable:,} images unknown ({share:.1%}), {found.unreadable:,} not readable: {o.out}")
    if o.json:
        top = [dict(zip(("score", "p_value", "image", "taken_for"), row, strict=True)) for row in found.top]
        say(json.dumps({"run": guard.name, "out": o.out, **vars(found), "top": top}))
    return _exit_code(share, o)


def extract(o: argparse.Namespace) -> None:
    """Features of a list of images, as a folder that `run --backbone features` takes."""
    require_room()
    from heat_core.backbones.registry import load_backbone
    from heat_core.shards.extracted import extract_list

    stop_on_sigterm()
    backbone = load_backbone(o.backbone, o.weights, o.image_size)
    sources = [typed(p) for p in o.images]
    listed = extract_list(backbone, sources, typed(o.out), _how(o), o.batch_size, print_stage)
    _say_bad(listed.bad)
    say(o.out)


def _how(o: argparse.Namespace) -> "How":
    from heat_core.shards.plan import How

    given = {"address": o.address, "workers": o.workers, "threads": o.threads, "size": o.shard}
    return How(o.engine, **{name: value for name, value in given.items() if value is not None})


def _say_bad(bad: list[str]) -> None:
    for row in bad:
        say(f"left out: {row}", sys.stderr)


def positions(o: argparse.Namespace) -> None:
    """Where in an image the GMM energy and the logit of its class come from."""
    require_room()
    from heat_core.pipeline.positions import positions_into, positions_of

    run = Run.open(o.run)
    stop_on_sigterm()
    if o.into:
        found = positions_into(run, o.image, typed(o.into), print_stage)
    else:
        found = positions_of(run, o.image, print_stage)
    logit = f"logit of {found.class_name}"
    for name, whole, grid in (
        ("GMM energy", found.energy_of_image, found.energy),
        (logit, found.logit_of_image, found.logit),
    ):
        say(f"{name}: {whole:.4g}; what each position adds:")
        for row in grid:
            say(" ".join(f"{value:9.2g}" for value in row))
