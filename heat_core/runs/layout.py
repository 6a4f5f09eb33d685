"""Mistakes in how the sets of an experiment are laid out: what cannot be meant is refused, what may be is said."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from heat_core.errors import HeatError
from heat_core.features.datasets import ImageSet
from heat_core.features.features import Features
from heat_core.runs.experiment import ID, TRAIN, Experiment

_HELD_OUT_EVERY = 5


# What the splits of data sets are called → which split it is. `train`, `seg_train`, `Training Set`, `testA`, `val2017`.
_SPLITS = {"train": "train", "training": "train"} | dict.fromkeys(
    ("test", "testing", "val", "valid", "validation", "dev", "eval", "holdout"), "test"
)
_SPLIT = re.compile(rf"(?:.*[^a-z])?({'|'.join(sorted(_SPLITS, key=len, reverse=True))})(?:[ab]|set|(?:[^a-z].*))?")


def _split(name: str) -> str:
    """train or test where a folder is called after such a split, else empty."""
    found = _SPLIT.fullmatch(name.lower())
    return _SPLITS[found[1]] if found else ""


def require_classes_of_images(train: ImageSet, source: str) -> None:
    """Refuse train/ and test/ as the classes of a set: they are its splits, whatever lies beside them.

    Where only words of their names say so, they are splits if nothing else is there or if they hold the same folders.
    """
    names = train.class_names
    exact, alike = [n for n in names if n.lower() in _SPLITS], [n for n in names if _split(n)]
    kinds_of_exact, kinds = {_split(n) for n in exact}, {_split(n) for n in alike}
    inner = _inner(train)
    same = len(set.intersection(*(inner[n] for n in alike))) > 1 if alike else False
    if 0 < len(names) == len(exact) or len(kinds_of_exact) > 1:
        splits = exact
    elif len(kinds) > 1 and (len(alike) == len(names) or same):
        splits = alike
    else:
        return
    first = next((name for name in splits if _split(name) == "train"), splits[0])
    raise HeatError(
        f"The sub-folders of {source!r} ({', '.join(splits)}) look like the splits of a data set, not its classes: "
        f"give {os.path.join(source, first)} for training and another one for testing (--id-test)."
    )


def _inner(images: ImageSet) -> dict[str, set[str]]:
    """Class → the folders in it that hold images."""
    found: dict[str, set[str]] = {name: set() for name in images.class_names}
    for sample, label in zip(images.ids, images.labels if images.labels is not None else (), strict=False):
        parts = sample.split("/")
        if len(parts) > 2:
            found[images.class_names[label]].add(parts[1])
    return found


def remarks(experiment: Experiment, sets: dict[str, ImageSet]) -> Iterator[str]:
    """Sentences about sets that share images, hold classes that others lack, or lost what they should have."""
    train, test = sets[TRAIN], sets[ID]
    yield from _of_classes(train)
    if not experiment.id_test:
        held = set() if test.labels is None else {train.class_names[i] for i in set(test.labels.tolist())}
        if small := [name for name in train.class_names if name not in held]:
            yield (
                f"No image of {_listed(small)} is in the ID test set: a class with fewer than {_HELD_OUT_EVERY} images "
                "has none to hold out when the set is split."
            )
    else:
        yield from other_classes(train.class_names, test.class_names)
    yield from _shared(sets)


def other_classes(train: Sequence[str], test: Sequence[str]) -> Iterator[str]:
    """A sentence where the classes of a labelled ID test set are not those of the training set."""
    if test and (unknown := sorted(set(test) - set(train))):
        yield (
            f"The ID test set has classes that the training set lacks ({_listed(unknown)}): its accuracy is not known, "
            "and they are not in-distribution."
        )
    elif test and (missing := sorted(set(train) - set(test))):
        yield f"The ID test set has no image of {_listed(missing)}."


def _of_classes(train: ImageSet) -> Iterator[str]:
    """Classes that may be none, or one."""
    if some := [name for name in train.class_names if name.lower() in _SPLITS]:
        yield f"The class {some[0]!r} of the training set is named like a split of a data set: is it a class?"
    inner = list(_inner(train).values())
    if len(inner) > 1 and len(inner[0]) > 1 and all(held == inner[0] for held in inner):
        folders = _listed(sorted(inner[0]))
        yield f"Every class of the training set holds the same folders ({folders}): are they its classes?"
    alike: dict[str, list[str]] = {}
    for name in train.class_names:
        alike.setdefault(" ".join(name.casefold().split()), []).append(name)
    for names in alike.values():
        if len(names) > 1:
            yield f"The classes {_listed(names)} of the training set differ in case or spaces only: are they one class?"


def _shared(sets: dict[str, ImageSet]) -> Iterator[str]:
    """The same files in two sets, or in two places of the training set, through links of either kind."""
    files = {name: [_identity(path) for path in images.files] for name, images in sets.items()}
    if twice := len(files[TRAIN]) - len(set(files[TRAIN])):
        yield f"{twice:,} of the training set's images are links to others of it."
    yield from _overlaps({name: set(found) for name, found in files.items()}, "images")


def _identity(path: os.PathLike[str]) -> object:
    """Equal for two names of one file."""
    try:
        found = os.stat(path)
    except OSError:  # gone since it was listed
        return os.path.realpath(path)
    return (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(path)


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
