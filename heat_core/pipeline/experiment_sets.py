"""The sets of an experiment: opened as its job will, and looked at before it starts."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from heat_core.data.datasets import TORCHVISION, open_dataset
from heat_core.data.demo import demo_sets
from heat_core.data.image_set import ImageSet
from heat_core.data.manifest import is_manifest
from heat_core.features.features import Features
from heat_core.features.store import load_features
from heat_core.names import printable
from heat_core.pipeline.set_warnings import notes_of, set_warnings, warn_overlaps, warn_without_classes
from heat_core.pipeline.validate_sets import (
    require_a_common_class,
    require_classes_of_images,
    require_classes_or_none,
    require_labels,
)
from heat_core.runs.experiment import FEATURES, ID, TRAIN, Experiment
from heat_core.storage import expand_home, is_folder

SetOpener = Callable[[str, str, str | None], ImageSet]  # source, role, which of its sets → its images


def _open_set(source: str, role: str, set_name: str | None) -> ImageSet:
    return open_dataset(source, role, set_name=set_name)


def _open_features(source: str) -> Features:
    return load_features(expand_home(source))


@dataclass(frozen=True)
class SetsOverview:
    """What an experiment's sets hold, looked at before it starts.

    Attributes:
        sizes: `train`, `id` or an OOD set → how many images (samples) it has; sets that are not here yet are left out.
        classes: the known classes.
        warnings: sentences about what is hardly meant; a person should say that it is.
        notes: sentences about what was left aside.
        not_downloaded: names of the sets that would be downloaded first, and are looked at then.
    """

    sizes: dict[str, int]
    classes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    not_downloaded: tuple[str, ...] = ()


def inspect_sets(
    experiment: Experiment,
    open_set: SetOpener = _open_set,
    open_features: Callable[[str], Features] = _open_features,
) -> SetsOverview:
    """Look at the sets of an experiment as its job will, without reading an image and without a download.

    Args:
        experiment: what would be done.
        open_set: opens a set of images; a caller may remember what it opened.
        open_features: the same for a folder of features.

    Raises:
        HeatError: where a set cannot be opened, or cannot be meant.
    """
    if experiment.backbone == FEATURES:
        return _inspect_feature_folders(experiment, open_features)
    sets = open_sets(experiment, open_set, download=False)
    train = sets.get(TRAIN)
    return SetsOverview(
        {name: len(images) for name, images in sets.items()},
        tuple(train.class_names) if train else (),
        tuple(set_warnings(experiment, sets)),
        tuple(notes_of(sets)),
        tuple(name for name in (TRAIN, ID, *experiment.ood) if name not in sets),
    )


def _inspect_feature_folders(e: Experiment, open_features: Callable[[str], Features]) -> SetsOverview:
    """Whether two sets are the same folder; their rows are compared when the job reads them."""
    sources = {TRAIN: e.id, **({ID: e.id_test} if e.id_test else {}), **e.ood}
    opened = {name: open_features(source) for name, source in sources.items()}
    require_labels(opened[TRAIN], Path(e.id), e)
    folders = {name: {os.path.realpath(expand_home(source))} for name, source in sources.items()}
    sizes = {name: len(features) for name, features in opened.items()}
    labelled = opened[TRAIN].labels is not None
    warnings = (*warn_without_classes(labelled), *warn_overlaps(folders, "samples"))
    return SetsOverview(sizes, tuple(opened[TRAIN].class_names) if labelled else (), warnings)


def open_sets(experiment: Experiment, open_set: SetOpener = _open_set, download: bool = True) -> dict[str, ImageSet]:
    """Open the sets of an experiment: `train`, `id`, then its OOD sets, each cut to its limit.

    Args:
        experiment: what is to be done.
        open_set: opens one set by its source, its role, and which of the source's sets it is (None: the known images).
        download: whether sets that may have to be downloaded are opened too; otherwise they are left out.

    Raises:
        HeatError: where one cannot be opened, where what should be classes are splits, or where the ID test set has
            other classes than the training set.
    """
    e, sets = experiment, {}

    def is_available(source: str) -> bool:
        return download or source not in TORCHVISION or is_folder(Path(source))

    def open_named(source: str, role: str, set_name: str | None = None) -> ImageSet:
        return replace(open_set(source, role, set_name), name=printable(set_name or _set_name(source)))

    if is_available(e.id):
        sets[TRAIN] = open_named(e.id, "train")
        require_classes_of_images(sets[TRAIN], e.id)
        require_classes_or_none(sets[TRAIN], e)
    if (tests := e.id_test or _test_source(sets.get(TRAIN), e.id)) and is_available(tests):
        sets[ID] = open_named(tests, "test")
    elif TRAIN in sets and not tests:
        sets[TRAIN], sets[ID] = sets[TRAIN].split()
    sets |= {name: open_named(source, "test", name) for name, source in e.ood.items() if is_available(source)}
    limits = {TRAIN: e.limit, ID: e.limit_test or e.limit}
    sets = {name: images.limited(limits.get(name, e.limit_ood or e.limit)) for name, images in sets.items()}
    if TRAIN in sets:
        require_classes_or_none(sets[TRAIN], e)
        require_a_common_class(sets)
    return sets


def _test_source(train: ImageSet | None, source: str) -> str | None:
    """Where the ID test images are, where nobody says it: in the same manifest, if it has some."""
    return source if train is not None and train.has_test_rows else None


def _set_name(source: str) -> str:
    """What the features of a set are called: two parts of its resolved path, however it was typed."""
    path = expand_home(source)
    path = path.resolve() if source not in demo_sets.SETS and (is_folder(path) or is_manifest(path)) else path
    return f"{path.parent.name}-{path.name}".strip("-.")
