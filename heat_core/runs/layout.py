"""Mistakes in how the sets of an experiment are laid out: what cannot be meant is refused, what may be is said."""

import os
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np

from heat_core.errors import HeatError
from heat_core.features.datasets import ImageSet
from heat_core.features.features import Features
from heat_core.features.folders import SPLITS
from heat_core.runs.experiment import ID, TRAIN, Experiment

_HELD_OUT_EVERY = 5


def require_classes_of_images(train: ImageSet, source: str) -> None:
    """Refuse train/ and test/ as the classes of a set: they are its splits."""
    splits = [name for name in train.class_names if name.lower() in SPLITS]
    if len(splits) == len(train.class_names) and splits:
        first = next((name for name in splits if name.lower().startswith("train")), splits[0])
        raise HeatError(
            f"The sub-folders of {source!r} ({', '.join(splits)}) look like the splits of a data set, not its classes: "
            f"give {os.path.join(source, first)} for training and another one for testing (--id-test)."
        )


def remarks(experiment: Experiment, sets: dict[str, ImageSet]) -> Iterator[str]:
    """Sentences about sets that share images, hold classes that others lack, or lost what they should have."""
    train, test = sets[TRAIN], sets[ID]
    some = [name for name in train.class_names if name.lower() in SPLITS]
    if some and len(train.class_names) > len(some):
        yield f"The class {some[0]!r} of the training set is named like a split of a data set: is it a class?"
    if not experiment.id_test:
        held = set() if test.labels is None else {train.class_names[i] for i in set(test.labels.tolist())}
        if small := [name for name in train.class_names if name not in held]:
            yield (
                f"No image of {_listed(small)} is in the ID test set: a class with fewer than {_HELD_OUT_EVERY} images "
                "has none to hold out when the set is split."
            )
    elif test.class_names and (unknown := sorted(set(test.class_names) - set(train.class_names))):
        yield (
            f"The ID test set has classes that the training set lacks ({_listed(unknown)}): its accuracy is not known, "
            "and they are not in-distribution."
        )
    elif test.class_names and (missing := sorted(set(train.class_names) - set(test.class_names))):
        yield f"The ID test set has no image of {_listed(missing)}."
    yield from _shared(sets)


def _shared(sets: dict[str, ImageSet]) -> Iterator[str]:
    """The same files in two sets."""
    files = {name: {os.path.realpath(path) for path in images.files} for name, images in sets.items()}
    yield from _overlaps(files, "images")


def shared_samples(sets: dict[str, Features]) -> Iterator[str]:
    """Sentences about sets of given features that hold the same rows."""
    rows = {name: {row.tobytes() for row in np.asarray(features.avg)} for name, features in sets.items()}
    yield from _overlaps(rows, "samples")


def _overlaps(members: Mapping[str, set[Any]], what: str) -> Iterator[str]:
    titles = {TRAIN: "the training set", ID: "the ID test set"}
    for a, b in combinations(members, 2):
        if count := len(members[a] & members[b]):
            first, second = titles.get(a, repr(a)), titles.get(b, repr(b))
            why = "they cannot be told apart"
            if b == ID:
                why = f"every figure is of {what} that were learned; without --id-test a fifth is split off"
            share = "All" if count == len(members[b]) else f"{count:,} of the {len(members[b]):,}"
            yield f"{share} {what} of {second} are {what} of {first} too: {why}."


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
