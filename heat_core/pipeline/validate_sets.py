"""Mistakes in how the sets of an experiment are laid out: what cannot be meant is refused, what may be is said.

A job hears of them when it opens its sets (`open_sets`, `remarks`); who is about to start one looks first (`overview`).
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.data.datasets import TORCHVISION, open_dataset
from heat_core.data.demo import demo_sets
from heat_core.data.folder_scan import SPLITS, split_of
from heat_core.data.image_set import ImageSet, require_classes
from heat_core.data.manifest import is_manifest
from heat_core.data.path_list import GONE, looked_at
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.features.store import load_features
from heat_core.runs.experiment import FEATURES, ID, TRAIN, Experiment
from heat_core.storage import is_folder, printable, typed

_HELD_OUT_EVERY = 5
Opener = Callable[[str, str, str | None], ImageSet]  # source, role, which of its sets → its images


def _opened(source: str, role: str, of: str | None) -> ImageSet:
    return open_dataset(source, role, of=of)


@dataclass(frozen=True)
class Overview:
    """What an experiment's sets hold, looked at before it starts.

    Attributes:
        sizes: `train`, `id` or an OOD set → how many images (samples) it has; sets that are not here yet are left out.
        classes: the known classes.
        doubts: sentences about what is hardly meant; a person should say that it is.
        notes: sentences about what was left aside.
        absent: names of the sets that would be downloaded first, and are looked at then.
    """

    sizes: dict[str, int]
    classes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


def overview(
    experiment: Experiment, opened: Opener = _opened, given: Callable[[str], Features] | None = None
) -> Overview:
    """Look at the sets of an experiment as its job will, without reading an image and without a download.

    Args:
        experiment: what would be done.
        opened: opens a set of images; a caller may remember what it opened.
        given: the same for a folder of features.

    Raises:
        HeatError: where a set cannot be opened, or cannot be meant.
    """
    e = experiment
    if e.backbone == FEATURES:
        return _overview_of_features(e, given or (lambda source: load_features(typed(source))))
    sets = open_sets(e, opened, download=False)
    wanted = [TRAIN, ID, *e.ood]
    train = sets.get(TRAIN)
    return Overview(
        {name: len(images) for name, images in sets.items()},
        tuple(train.class_names) if train else (),
        tuple(remarks(e, sets)),
        tuple(notes_of(sets)),
        tuple(name for name in wanted if name not in sets),
    )


def _overview_of_features(e: Experiment, given: Callable[[str], Features]) -> Overview:
    """Whether two sets are the same folder; their rows are compared when the job reads them."""
    sources = {TRAIN: e.id, **({ID: e.id_test} if e.id_test else {}), **e.ood}
    found = {name: given(source) for name, source in sources.items()}
    require_labels(found[TRAIN], Path(e.id), e)
    folders = {name: {os.path.realpath(typed(source))} for name, source in sources.items()}
    sizes = {name: len(features) for name, features in found.items()}
    labelled = found[TRAIN].labels is not None
    doubts = (*without_classes(labelled), *_overlaps(folders, "samples"))
    return Overview(sizes, tuple(found[TRAIN].class_names) if labelled else (), doubts)


def require_labels(train: Features, folder: Path, experiment: Experiment) -> None:
    """Refuse given features of one class."""
    require_no_clusters(train.labels is not None, experiment)
    if train.labels is not None and len(train.class_names) < 2:
        raise HeatError(f"{folder} needs a labels.npy with at least two classes, or none.")


def without_classes(labelled: bool) -> Iterator[str]:
    """A sentence where the training set has no classes."""
    if not labelled:
        yield (
            "The training set has no classes: clusters of its features stand for them (k-means), and EL, MSP and "
            "whatever else asks a classifier are left out. If it has classes, put its images into one sub-folder a "
            "class, or name them in a manifest's column `label`."
        )


def open_sets(experiment: Experiment, opened: Opener = _opened, download: bool = True) -> dict[str, ImageSet]:
    """Open the sets of an experiment: `train`, `id`, then its OOD sets, each cut to its limit.

    Args:
        experiment: what is to be done.
        opened: opens one set by its source, its role, and which of the source's sets it is (None: the known images).
        download: whether sets that may have to be downloaded are opened too; otherwise they are left out.

    Raises:
        HeatError: where one cannot be opened, where what should be classes are splits, or where the ID test set has
            other classes than the training set.
    """
    e, sets = experiment, {}

    def there(source: str) -> bool:
        return download or source not in TORCHVISION or is_folder(Path(source))

    def named(source: str, role: str, of: str | None = None) -> ImageSet:
        return replace(opened(source, role, of), name=printable(of or _name_of(source)))

    if there(e.id):
        sets[TRAIN] = named(e.id, "train")
        require_classes_of_images(sets[TRAIN], e.id)
        require_classes_or_none(sets[TRAIN], e)
    if (tests := e.id_test or _tests_of(sets.get(TRAIN), e.id)) and there(tests):
        sets[ID] = named(tests, "test")
    elif TRAIN in sets and not tests:
        sets[TRAIN], sets[ID] = sets[TRAIN].split()
    sets |= {name: named(source, "test", name) for name, source in e.ood.items() if there(source)}
    limits = {TRAIN: e.limit, ID: e.limit_test or e.limit}
    sets = {name: images.limited(limits.get(name, e.limit_ood or e.limit)) for name, images in sets.items()}
    if TRAIN in sets:
        require_classes_or_none(sets[TRAIN], e)
        require_a_common_class(sets)
    return sets


def _tests_of(train: ImageSet | None, source: str) -> str | None:
    """Where the ID test images are, where nobody says it: in the same manifest, if it has some."""
    return source if train is not None and train.tested else None


def _name_of(source: str) -> str:
    """What the features of a set are called: two parts of its resolved path, however it was typed."""
    path = typed(source)
    path = path.resolve() if source not in demo_sets.SETS and (is_folder(path) or is_manifest(path)) else path
    return f"{path.parent.name}-{path.name}".strip("-.")


def require_classes_or_none(train: ImageSet, experiment: Experiment) -> None:
    """Refuse an ID set of one class, and one with images beside its sub-folders: without classes is a flat folder, or a
    manifest without labels."""
    require_no_clusters(train.labels is not None, experiment)
    beside = [name for name in train.ids if "/" not in name] if train.files and train.manifest is None else []
    if train.labels is None and not 0 < len(beside) < len(train):
        return
    if train.labels is not None and len(only := set(train.class_names)) == 1 and train.manifest is None:
        raise HeatError(
            f"The in-distribution set {train.name!r} needs at least two classes, or none: put its images into one "
            f"sub-folder a class, or give {os.path.join(experiment.id, only.pop())}, a set without classes."
        )
    require_classes(train)


def require_no_clusters(labelled: bool, experiment: Experiment) -> None:
    """Refuse a number of clusters for a set that has classes."""
    if labelled and experiment.clusters:
        raise HeatError("clusters stand for the classes of an ID set without any, and this one has some: leave it out.")


def require_a_common_class(sets: dict[str, ImageSet]) -> None:
    """Refuse an ID test set that shows other classes than the training set: it is the test set of something else."""
    train, test = sets[TRAIN], sets.get(ID)
    if test is None or not test.class_names or not train.class_names or set(test.class_names) & set(train.class_names):
        return
    raise HeatError(
        f"The ID test set {test.name!r} has no class of the training set {train.name!r}: {_listed(test.class_names)} "
        f"against {_listed(train.class_names)}. Give other images of the same classes, in sub-folders of the same "
        "names; or none, and every fifth training image is held out."
    )


def notes_of(sets: dict[str, ImageSet]) -> list[str]:
    """Of each set, what was left aside; the same folder or manifest once."""
    said: dict[tuple[object, str], str] = {}
    for images in sets.values():
        for note in images.notes:
            said.setdefault((images.manifest or images.name, note), f"{images.name}: {note}")
    return list(said.values())


def require_classes_of_images(train: ImageSet, source: str) -> None:
    """Refuse train/ and test/ as the classes of a set: they are its splits, whatever lies beside them.

    Where only words of their names say so, they are splits if nothing else is there or if they hold the same folders.
    """
    if train.manifest is not None:
        return _require_labels_of_images(train)
    names = train.class_names
    exact, alike = [n for n in names if n.lower() in SPLITS], [n for n in names if split_of(n)]
    kinds_of_exact, kinds = {split_of(n) for n in exact}, {split_of(n) for n in alike}
    inner = _inner(train)
    same = len(set.intersection(*(inner[n] for n in alike))) > 1 if alike else False
    if 0 < len(names) == len(exact) or len(kinds_of_exact) > 1:
        splits = exact
    elif len(kinds) > 1 and (len(alike) == len(names) or same):
        splits = alike
    else:
        return
    first = next((name for name in splits if split_of(name) == "train"), splits[0])
    raise HeatError(
        f"The sub-folders of {source!r} ({', '.join(splits)}) look like the splits of a data set, not its classes: "
        f"give {os.path.join(source, first)} for training and another one for testing (--id-test)."
    )


def _require_labels_of_images(train: ImageSet) -> None:
    """The same of the labels of a manifest."""
    if train.class_names and all(name.lower() in SPLITS for name in train.class_names):
        raise HeatError(
            f"The labels of {printable(train.manifest or train.name)} ({', '.join(train.class_names)}) are the splits "
            "of a data set, not its classes: call that column `split`, and give the classes as `label`."
        )


def _inner(images: ImageSet) -> dict[str, set[str]]:
    """Class → the folders in it that hold images."""
    found: dict[str, set[str]] = {name: set() for name in images.class_names}
    if images.manifest is not None:
        return found
    for sample, label in zip(images.ids, images.labels if images.labels is not None else (), strict=False):
        parts = sample.split("/")
        if len(parts) > 2:
            found[images.class_names[label]].add(parts[1])
    return found


def remarks(experiment: Experiment, sets: dict[str, ImageSet]) -> Iterator[str]:
    """Sentences about sets that share images, hold classes that others lack, or lost what they should have."""
    if TRAIN in sets:
        yield from without_classes(sets[TRAIN].labels is not None)
        yield from _of_classes(sets[TRAIN])
    if TRAIN in sets and ID in sets:
        yield from _of_both(sets[TRAIN], sets[ID], not (experiment.id_test or sets[TRAIN].tested))
    yield from _shared(sets)


def _of_both(train: ImageSet, test: ImageSet, split: bool) -> Iterator[str]:
    """Classes that only one of the two has. `split`: whether they are one set, of which a fifth was held out."""
    if split:
        held = set() if test.labels is None else {train.class_names[i] for i in set(test.labels.tolist())}
        if small := [name for name in train.class_names if name not in held]:
            yield (
                f"No image of {_listed(small)} is in the ID test set: a class with fewer than {_HELD_OUT_EVERY} images "
                "has none to hold out when the set is split."
            )
    else:
        yield from other_classes(train.class_names, test.class_names)


def other_classes(train: Sequence[str], test: Sequence[str]) -> Iterator[str]:
    """A sentence where the classes of a labelled ID test set are not those of a labelled training set."""
    if not train:
        return
    if test and (unknown := sorted(set(test) - set(train))):
        yield (
            f"The ID test set has classes that the training set lacks ({_listed(unknown)}): its accuracy is not known, "
            "and they are not in-distribution."
        )
    elif test and (missing := sorted(set(train) - set(test))):
        yield f"The ID test set has no image of {_listed(missing)}."


def _of_classes(train: ImageSet) -> Iterator[str]:
    """Classes that may be none, or one."""
    if some := [name for name in train.class_names if name.lower() in SPLITS]:
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
    """The same images in two sets, or in two places of the training set, through links of either kind."""
    members = {name: _identities(images) if images.files else list(images.ids) for name, images in sets.items()}
    if TRAIN in members and (twice := len(members[TRAIN]) - len(set(members[TRAIN]))):
        yield f"{twice:,} of the training set's images are links to others of it."
    yield from _overlaps({name: set(found) for name, found in members.items()}, "images")


def _identities(images: ImageSet) -> list[Any]:
    """Equal for two names of one file; of crops, for the same box of it."""
    found = looked_at(images.files)
    boxes = np.zeros((len(images), 4)) if images.boxes is None else np.nan_to_num(images.boxes)
    rows = np.column_stack([found[:, 3:], boxes.view(np.int64)])
    kept: list[Any] = rows.view(f"V{rows.itemsize * rows.shape[1]}").ravel().tolist()
    for i in np.flatnonzero((found[:, 0] == GONE) | (found[:, 4] == 0)):  # gone since it was listed, or not numbered
        kept[i] = os.path.realpath(images.files[int(i)]), *boxes[i].tolist()
    return kept


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
