"""The experiment that follows from the decisions on a run: the run's settings, on sets in which the images moved."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from heat_core.data.made.made_sets import MADE
from heat_core.decisions.image_rows import Part, write_list
from heat_core.decisions.moves import HELD_OUT_EVERY, ClassChange, Moves, plan_moves
from heat_core.decisions.retraining import Retraining, plan_retraining
from heat_core.decisions.store import Decision, in_force
from heat_core.digests import digest_of_json
from heat_core.errors import HeatError
from heat_core.features.written_pictures import picture_files
from heat_core.names import file_name, printable
from heat_core.pipeline.experiment_sets import open_sets
from heat_core.pipeline.validate_sets import set_title
from heat_core.runs.experiment import FEATURES, ID, TRAIN, Experiment
from heat_core.runs.run import Run
from heat_core.storage import heat_home


@dataclass(frozen=True)
class NextExperiment:
    """Experiment that follows from decisions.

    Attributes:
        experiment: its settings.
        sentences: what changes, and what stays.
        commands: commands that continue the training of its networks.
    """

    experiment: Experiment
    sentences: tuple[str, ...]
    commands: tuple[str, ...] = ()


def next_experiment(run: Run, decisions: Sequence[Decision]) -> NextExperiment:
    """Make the experiment that follows from the decisions on a run.

    Of the images that are added to a class and are no training images of the run, every fifth in the order of their
    digests becomes an ID test image. All others are training images. Of images with the same bytes, one is added and
    the others are left out. Known images, those of shifted sets too, that are added to a class of the run get this
    class in their set. Images that are removed or ignored leave their set. Every other image stays in its set, the
    ID test set and the settings are the run's, and the features that the run kept are used. The sets that change are
    written as a list of images into HEAT_HOME/sets, which names the files where they are.

    Args:
        run: the run.
        decisions: all decisions of the run.

    Raises:
        HeatError: where the run was made from features, no decision holds, an image is gone, or a class or a set cannot
            be as it was decided.
    """
    e = run.experiment
    if e.backbone == FEATURES:
        raise HeatError(
            "This run was made from folders of features, in which no image can be moved: export the decisions, and "
            "save the folders again."
        )
    moves = plan_moves(run, decisions)
    listed = _listed_parts(e, moves)
    path = _list_path(run, decisions)
    before = {(ID, "train"): moves.sets[TRAIN], (ID, "test"): moves.sets[ID]}
    write_list(path, [part for parts in listed.values() for part in parts], before)
    following = _with_sets(run, moves, listed, str(path))
    _require_as_written(following, listed)
    has_test_classes = all(label for part in listed.get(ID, ()) for label in part.labels)
    is_new_to_networks = moves.classes and moves.changes_known
    retraining = plan_retraining(following, has_test_classes) if is_new_to_networks else Retraining()
    return NextExperiment(following, (*_sentences(run, moves, following), *retraining.sentences), retraining.commands)


def _listed_parts(e: Experiment, moves: Moves) -> dict[str, list[Part]]:
    """Return the parts of each set that the list must hold: of sets that change, and of all where there are limits.

    A limit would cut the first images of a class from the changed set anew.
    """
    has_limits = any((e.limit, e.limit_test, e.limit_ood))
    listed: dict[str, list[Part]] = {}
    if moves.changes_known or has_limits:
        splits = [change.split for change in moves.classes.values()]
        listed[TRAIN] = [moves.staying(TRAIN), *(part for train, _ in splits for part in train)]
        listed[ID] = [moves.staying(ID), *(part for _, test in splits for part in test)]
    listed |= {n: [moves.staying(n)] for n in e.scored_sets if has_limits or moves.changes(n)}
    return {name: kept for name, parts in listed.items() if (kept := [part for part in parts if len(part.labels)])}


def _list_path(run: Run, decisions: Sequence[Decision]) -> Path:
    """Return the path of the list: the same for the same decisions, under a name that published settings depend on."""
    e = run.experiment
    holding = sorted([batch, key, d.action, d.name, d.id] for (batch, key), d in in_force(decisions).items())
    title = e.id_set or Path(e.id).name.partition(".")[0]
    return heat_home() / "sets" / f"{run.id}-{digest_of_json(holding, 4)}" / f"{file_name(title)}.parquet"


def _with_sets(run: Run, moves: Moves, listed: dict[str, list[Part]], path: str) -> Experiment:
    """Return the run's settings with the list as the source of the sets that it holds.

    Raises:
        HeatError: where no OOD set, or no ID test image, is left.
    """
    e = run.experiment
    kept = {n: path if n in listed else source for n, source in e.scored_sets.items() if moves.stays[n].any()}
    ood, shifted = ({name: kept[name] for name in kept if name in before} for before in (e.ood, e.shifted))
    if not ood:
        raise HeatError("No OOD set would be left: a run needs at least one image that is unknown.")
    if not moves.stays[ID].any() and ID not in listed:
        raise HeatError("No ID test image would be left: undo a decision on one of them.")
    known: dict[str, Any] = {"id": path, "id_test": None} if TRAIN in listed else {}
    unlimited: dict[str, Any] = dict.fromkeys(("limit", "limit_test", "limit_ood"))
    groups = {name: group for name, group in e.groups.items() if name in ood}
    sets: dict[str, Any] = {**known, **unlimited, "ood": ood, "shifted": shifted, "groups": groups}
    return replace(e, **sets, parent=run.id, name=_name(run, moves)).with_absolute_paths()


def _name(run: Run, moves: Moves) -> str:
    """Name the next run after the run, with the classes that are new."""
    base = run.experiment.name or run.id
    new = [printable(change.name) for change in moves.classes.values() if change.is_new]
    return f"{base} + {', '.join(new)}" if new else f"{base}, again"


def _require_as_written(following: Experiment, listed: dict[str, list[Part]]) -> None:
    """Refuse a list from which the sets are not read as they were meant, such as for a class that is called `null`."""
    opened = open_sets(following, download=False)
    for name, parts in listed.items():
        images = opened[name]
        names = [images.class_names[i] for i in images.labels.tolist()] if images.labels is not None else []
        labels = [label for part in parts for label in part.labels]
        expected = labels if "" not in labels else []
        files = [_normal(path) for part in parts for path in picture_files(part.images).iter_bytes()]
        if [_normal(path) for path in images.files.iter_bytes()] != files or names != expected:
            raise HeatError(
                f"The list of the next run cannot hold {set_title(name)} as it is: a class or a set has a name that "
                "lists of images read in another way, rename it."
            )


def _normal(path: bytes) -> bytes:
    return os.path.normpath(path)


def _sentences(run: Run, moves: Moves, following: Experiment) -> Iterator[str]:
    for change in moves.classes.values():
        yield from _class_sentences(run, change, moves)
    if moves.removed:
        counts = ", ".join(f"{count:,} of {set_title(name)}" for name, count in moves.removed.items())
        yield f"Left out: {counts}."
    made = [repr(name) for name, source in following.ood.items() if source in MADE]
    tests_change = not moves.stays[ID].all() or any(change.held_out for change in moves.classes.values())
    anew = f", except that the images of {' and '.join(made)} are made anew from the ID test images"
    exception = anew if made and tests_change else ""
    yield f"Every other image and the settings stay as they are{exception}, and features that are kept are used."


def _class_sentences(run: Run, change: ClassChange, moves: Moves) -> Iterator[str]:
    """Say how many images a class gets, for training and for testing, and what cannot be tested."""
    kind = f"the {'new ' if change.is_new else ''}class {change.name!r}"
    if change.count:
        tests = f"{change.held_out:,} of them as its test images" if change.held_out else "none of them for testing"
        yield f"{_images(change.count)} into {kind}, {tests}{_why_none_is_held_out(change)}."
    if change.copies:
        yield f"Left out: {_images(change.copies)} for {kind} with the same content as another one."
    for name in run.shifted_names:
        if leaving := sum(len(images) for of_set, images, _ in change.parts if of_set == name):
            verb = "leaves" if leaving == 1 else "leave"
            yield f"{_images(leaving)} {verb} the shifted set {name!r} for {kind}."
    if change.relabelled:
        yield f"{_images(change.relabelled)} that were known get {kind} where they are."
    if change.held_out and moves.sets[ID].labels is None and run.has_classes:
        yield "The ID test set has no classes, so that the accuracy on the new test images is not known."


def _why_none_is_held_out(change: ClassChange) -> str:
    if change.held_out:
        return ""
    if change.testable == change.count:
        return f", since there are fewer than {HELD_OUT_EVERY}"
    most = "all" if not change.testable else f"all but {change.testable:,}"
    return f", since {most} are training images of this run, on which a network or its head may have been trained"


def _images(count: int) -> str:
    return f"{count:,} images" if count != 1 else "1 image"
