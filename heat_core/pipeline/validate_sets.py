"""Refuse sets of an experiment whose layout is invalid: splits as classes, a single class, other classes."""

import os
from collections.abc import Mapping
from pathlib import Path

from heat_core.data.folder_scan import SPLITS, split_of
from heat_core.data.image_set import ImageSet, require_classes
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.names import printable, shortlist
from heat_core.runs.experiment import ID, TRAIN, Experiment


def require_labels(train: Features, folder: Path, experiment: Experiment) -> None:
    """Refuse given features of one class.

    Raises:
        HeatError: where there is one class, or a number of clusters is given for a set with classes.
    """
    require_no_clusters(train.labels is not None, experiment)
    if train.labels is not None and len(train.class_names) < 2:
        raise HeatError(f"{folder} needs a labels.npy with at least two classes, or none.")


def require_no_clusters(labelled: bool, experiment: Experiment) -> None:
    """Refuse a number of clusters for a set that has classes.

    Raises:
        HeatError: where both are given.
    """
    if labelled and experiment.clusters:
        raise HeatError("clusters stand for the classes of an ID set without any, and this one has some: leave it out.")


def require_classes_or_none(train: ImageSet, experiment: Experiment) -> None:
    """Refuse an ID set of one class, and one with images beside its sub-folders.

    A set without classes is a flat folder, or a manifest without labels.

    Raises:
        HeatError: where the set has one class, or images both in and beside sub-folders.
    """
    require_no_clusters(train.labels is not None, experiment)
    outside = [name for name in train.ids if "/" not in name] if train.files and train.manifest is None else []
    if train.labels is None and not 0 < len(outside) < len(train):
        return
    if train.labels is not None and len(only := set(train.class_names)) == 1 and train.manifest is None:
        raise HeatError(
            f"The in-distribution set {train.name!r} needs at least two classes, or none: put its images into one "
            f"sub-folder a class, or give {os.path.join(experiment.id, only.pop())}, a set without classes."
        )
    require_classes(train)


def require_a_common_class(sets: dict[str, ImageSet]) -> None:
    """Refuse an ID test set without any class of the training set, since it must belong to another set.

    Raises:
        HeatError: naming classes of both.
    """
    train, test = sets[TRAIN], sets.get(ID)
    if test is None or not test.class_names or not train.class_names or set(test.class_names) & set(train.class_names):
        return
    raise HeatError(
        f"The ID test set {test.name!r} has no class of the training set {train.name!r}: {quote(test.class_names)} "
        f"against {quote(train.class_names)}. Give other images of the same classes, in sub-folders of the same "
        "names; or none, and every fifth training image is held out."
    )


def require_known_classes(train: ImageSet | Features, shifted: Mapping[str, ImageSet | Features]) -> None:
    """Refuse shifted sets without classes, and with a class that is none of the ID's: their images count as known.

    Args:
        train: the training set; where it has no classes, the shifted sets may have any.
        shifted: name of a shifted set → its images or features.

    Raises:
        HeatError: naming the set.
    """
    if train.labels is None:
        return
    for name, images in shifted.items():
        if images.labels is None:
            raise HeatError(
                f"The shifted set {name!r} has no classes: put its images into one sub-folder for each class of the "
                "training set, or give every image of the list a label."
            )
        if other := sorted(set(images.class_names) - set(train.class_names)):
            raise HeatError(
                f"The shifted set {name!r} has classes that the training set lacks ({quote(other)}): its images count "
                "as known, so take these out, or give them as an OOD set."
            )


def require_classes_of_images(train: ImageSet, source: str) -> None:
    """Refuse train/ and test/ as the classes of a set: they are its splits, whatever folders lie beside them.

    Folders whose names only contain such words are splits if there are no others or if they hold the same sub-folders.

    Raises:
        HeatError: where the classes are splits.
    """
    if train.manifest is not None:
        return _require_manifest_labels(train)
    names = train.class_names
    exact, similar = [n for n in names if n.lower() in SPLITS], [n for n in names if split_of(n)]
    kinds_of_exact, kinds = {split_of(n) for n in exact}, {split_of(n) for n in similar}
    subfolders = subfolders_by_class(train)
    same = len(set.intersection(*(subfolders[n] for n in similar))) > 1 if similar else False
    if 0 < len(names) == len(exact) or len(kinds_of_exact) > 1:
        splits = exact
    elif len(kinds) > 1 and (len(similar) == len(names) or same):
        splits = similar
    else:
        return
    first = next((name for name in splits if split_of(name) == "train"), splits[0])
    raise HeatError(
        f"The sub-folders of {source!r} ({', '.join(splits)}) look like the splits of a data set, not its classes: "
        f"give {os.path.join(source, first)} for training and another one for testing (--id-test)."
    )


def _require_manifest_labels(train: ImageSet) -> None:
    """Refuse a manifest whose labels are names of splits."""
    if train.class_names and all(name.lower() in SPLITS for name in train.class_names):
        raise HeatError(
            f"The labels of {printable(train.manifest or train.name)} ({', '.join(train.class_names)}) are the splits "
            "of a data set, not its classes: call that column `split`, and give the classes as `label`."
        )


def subfolders_by_class(images: ImageSet) -> dict[str, set[str]]:
    """Map each class to the folders in it that hold images."""
    subfolders: dict[str, set[str]] = {name: set() for name in images.class_names}
    if images.manifest is not None:
        return subfolders
    for sample, label in zip(images.ids, images.labels if images.labels is not None else (), strict=False):
        parts = sample.split("/")
        if len(parts) > 2:
            subfolders[images.class_names[label]].add(parts[1])
    return subfolders


def quote(names: list[str]) -> str:
    """List names in quotes, shortened and with their number."""
    return shortlist(list(map(repr, names)), counted=True)


def set_title(name: str) -> str:
    """Name a set of a run in a sentence."""
    return {TRAIN: "the training set", ID: "the ID test set"}.get(name, repr(name))
