"""Warnings about sets that may be laid out by mistake: shared images, missing classes, odd class names, grey images."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from heat_core.data.folder_scan import SPLITS
from heat_core.data.grey_images import COLOUR, GREY, grey_or_colour
from heat_core.data.image_set import ImageSet
from heat_core.data.made.made_sets import MADE
from heat_core.data.path_list import read_file_stats
from heat_core.features.features import Features
from heat_core.pipeline.copies.byte_copies import MOST_SECONDS, find_byte_copies
from heat_core.pipeline.copies.same_images import box_numbers, file_identities
from heat_core.pipeline.validate_sets import quote, set_title, subfolders_by_class
from heat_core.runs.experiment import ID, TRAIN, Experiment

_HELD_OUT_EVERY = 5


def notes_of(sets: dict[str, ImageSet]) -> list[str]:
    """List what was left out of each set; a note of the same folder or manifest is listed once."""
    notes: dict[tuple[object, str], str] = {}
    for images in sets.values():
        for note in images.notes:
            notes.setdefault((images.manifest or images.name, note), f"{images.name}: {note}")
    return list(notes.values())


def set_warnings(experiment: Experiment, sets: dict[str, ImageSet]) -> Iterator[str]:
    """Write sentences about sets that share images, are grey or not, or whose classes differ or look like none."""
    if TRAIN in sets:
        yield from warn_without_classes(sets[TRAIN].labels is not None)
        yield from _warn_class_names(sets[TRAIN])
    if TRAIN in sets and ID in sets:
        yield from _warn_split_classes(sets[TRAIN], sets[ID], not (experiment.id_test or sets[TRAIN].has_test_rows))
    yield from _warn_shared_images(sets, experiment.shifted)
    # A made image is grey where its own is, and takes long to be made; a shifted set is meant to differ.
    found = {n: s for n, s in sets.items() if experiment.ood.get(n) not in MADE and n not in experiment.shifted}
    yield from _warn_grey_and_colour(found)


def warn_without_classes(labelled: bool) -> Iterator[str]:
    """Write a sentence where the training set has no classes."""
    if not labelled:
        yield (
            "The training set has no classes: clusters of its features stand for them (k-means), and EL, MSP and "
            "whatever else needs a classifier are left out. If it has classes, put its images into one sub-folder a "
            "class, or name them in a manifest's column `label`."
        )


def _warn_split_classes(train: ImageSet, test: ImageSet, is_split: bool) -> Iterator[str]:
    """Write sentences about classes that only one of both sets has.

    `is_split` tells whether they are one set, of which a fifth was held out.
    """
    if is_split:
        held_out = set() if test.labels is None else {train.class_names[i] for i in set(test.labels.tolist())}
        if missing := [name for name in train.class_names if name not in held_out]:
            yield (
                f"No image of {quote(missing)} is in the ID test set: a class with fewer than {_HELD_OUT_EVERY} images "
                "has none to hold out when the set is split."
            )
    else:
        yield from warn_other_classes(train.class_names, test.class_names)


def warn_other_classes(train: Sequence[str], test: Sequence[str]) -> Iterator[str]:
    """Write a sentence where the classes of a labelled ID test set are not those of a labelled training set."""
    if not train:
        return
    if test and (unknown := sorted(set(test) - set(train))):
        yield (
            f"The ID test set has classes that the training set lacks ({quote(unknown)}): its accuracy is not known, "
            "and they are not in-distribution."
        )
    elif test and (missing := sorted(set(train) - set(test))):
        yield f"The ID test set has no image of {quote(missing)}."


def _warn_class_names(train: ImageSet) -> Iterator[str]:
    """Write sentences about class names that may not be classes, or may be the same class."""
    if split_names := [name for name in train.class_names if name.lower() in SPLITS]:
        yield f"The class {split_names[0]!r} of the training set is named like a split of a data set: is it a class?"
    subfolders = list(subfolders_by_class(train).values())
    if len(subfolders) > 1 and len(subfolders[0]) > 1 and all(names == subfolders[0] for names in subfolders):
        folders = quote(sorted(subfolders[0]))
        yield f"Every class of the training set holds the same folders ({folders}): are they its classes?"
    same_name: dict[str, list[str]] = {}
    for name in train.class_names:
        same_name.setdefault(" ".join(name.casefold().split()), []).append(name)
    for names in same_name.values():
        if len(names) > 1:
            yield f"The classes {quote(names)} of the training set differ in case or spaces only: are they one class?"


def _warn_shared_images(sets: dict[str, ImageSet], shifted: Collection[str]) -> Iterator[str]:
    """Write sentences about images that are in two sets, or twice in the training set, also through links or copies."""
    stats = {name: read_file_stats(images.files) for name, images in sets.items() if images.files}
    members: dict[str, list[Any]] = {
        name: file_identities(images, stats[name]) if images.files else list(images.ids)
        for name, images in sets.items()
    }
    if TRAIN in members and (duplicates := len(members[TRAIN]) - len(set(members[TRAIN]))):
        yield f"{duplicates:,} of the training set's images are links to others of it."
    copies = find_byte_copies({name: sets[name].files for name in stats}, stats)
    for (name, i), key in (copies or {}).items():
        members[name][i] = (*key, *box_numbers(sets[name], i))
    yield from warn_overlaps({name: set(images) for name, images in members.items()}, "images", shifted)
    if copies is None:
        yield (
            "Whether files of one set are copies of another set's was not found out: too many have the same size to be "
            f"read in {MOST_SECONDS:.0f} seconds."
        )


def _warn_grey_and_colour(sets: dict[str, ImageSet]) -> Iterator[str]:
    """Write sentences about sets that are in colour where the training set is grey, and the other way round."""
    kinds = {name: grey_or_colour(images) for name, images in sets.items()}
    train = kinds.pop(TRAIN, "")
    for name, kind in kinds.items():
        if train and kind and kind != train:
            titles = {GREY: "grey", COLOUR: "in colour"}
            yield (
                f"The images of the training set are {titles[train]}, those of {set_title(name)} {titles[kind]}: this "
                "alone may tell them apart."
            )


def warn_shared_samples(sets: dict[str, Features], shifted: Collection[str]) -> Iterator[str]:
    """Write sentences about sets of given features that hold the same rows."""
    rows = {name: {row.tobytes() for row in np.asarray(features.avg)} for name, features in sets.items()}
    yield from warn_overlaps(rows, "samples", shifted)


def warn_overlaps(members: Mapping[str, set[Any]], what: str, shifted: Collection[str]) -> Iterator[str]:
    """Write a sentence for every two sets with common members.

    Args:
        members: set → its members.
        what: name of the members in the plural.
        shifted: names of the shifted sets.
    """
    for a, b in combinations(members, 2):
        if count := len(members[a] & members[b]):
            first, second = set_title(a), set_title(b)
            why = "they cannot be told apart"
            if b == ID:
                why = f"every figure is of {what} that were learned; without --id-test a fifth is split off"
            elif a == TRAIN and b in shifted:
                why = f"full-spectrum figures are of {what} that were learned"
            elif {a, b} <= {ID, *shifted}:
                why = "full-spectrum figures count them twice"
            share = "All" if count == len(members[b]) else f"{count:,} of the {len(members[b]):,}"
            yield f"{share} {what} of {second} are {what} of {first} too: {why}."
