"""Sets of an experiment: opened for its job, and inspected before it starts."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from heat_core.data.datasets import OWN_IMAGES, needs_download, open_dataset
from heat_core.data.demo import demo_sets
from heat_core.data.image_set import ImageSet, images_fingerprint, make_opener
from heat_core.data.made.made_sets import MADE, make_set
from heat_core.data.path_list import PathList, read_file_stats
from heat_core.data.table_formats import is_image_source
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.features.store import load_features
from heat_core.names import printable
from heat_core.pipeline.set_warnings import notes_of, set_warnings, warn_overlaps, warn_without_classes
from heat_core.pipeline.validate_sets import (
    require_a_common_class,
    require_classes_of_images,
    require_classes_or_none,
    require_known_classes,
    require_labels,
)
from heat_core.runs.creation import read_info
from heat_core.runs.events import Progress
from heat_core.runs.experiment import FEATURES, ID, TRAIN, Experiment
from heat_core.runs.scored_images import SCORED, ScoredImages
from heat_core.storage import expand_home, heat_home, resolve_links

SetOpener = Callable[[str, str, str | None], ImageSet]  # (source, role, which of its sets) → images


def _open_set(source: str, role: str, set_name: str | None) -> ImageSet:
    return open_dataset(source, role, set_name=set_name)


def _open_features(source: str) -> Features:
    return load_features(expand_home(source))


@dataclass(frozen=True)
class SetsOverview:
    """Content of an experiment's sets, inspected before it starts.

    Attributes:
        sizes: `train`, `id`, an OOD set or a shifted set → number of its images (samples); sets that are not
            downloaded yet are left out.
        classes: names of the known classes.
        warnings: sentences about what is probably unintended and should be confirmed.
        notes: sentences about what was left out.
        not_downloaded: names of the sets that must be downloaded first, and are inspected then.
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
    """Inspect the sets of an experiment as its job will open them, reading few images and downloading nothing.

    Args:
        experiment: the experiment.
        open_set: opens a set of images; a caller may cache what it opened.
        open_features: opens a folder of features.

    Raises:
        HeatError: where a set cannot be opened, or is laid out in an invalid way.
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
        tuple(
            name
            for name in (TRAIN, ID, *experiment.scored_sets)
            if name not in sets and experiment.ood.get(name) not in MADE
        ),
    )


def _inspect_feature_folders(e: Experiment, open_features: Callable[[str], Features]) -> SetsOverview:
    """Inspect folders of features; only equal folders are reported here, equal rows when the job reads them."""
    sources = {TRAIN: e.id, **({ID: e.id_test} if e.id_test else {}), **e.scored_sets}
    opened = {name: open_features(source) for name, source in sources.items()}
    require_labels(opened[TRAIN], Path(e.id), e)
    require_known_classes(opened[TRAIN], {name: opened[name] for name in e.shifted})
    folders = {name: {os.path.realpath(expand_home(source))} for name, source in sources.items()}
    sizes = {name: len(features) for name, features in opened.items()}
    labelled = opened[TRAIN].labels is not None
    warnings = (*warn_without_classes(labelled), *warn_overlaps(folders, "samples", e.shifted))
    return SetsOverview(sizes, tuple(opened[TRAIN].class_names) if labelled else (), warnings)


def open_sets(experiment: Experiment, open_set: SetOpener = _open_set, download: bool = True) -> dict[str, ImageSet]:
    """Open the sets of an experiment: `train`, `id`, then its OOD sets and its shifted sets, each cut to its limit.

    Args:
        experiment: the experiment.
        open_set: opens one set by its source, its role, and which of the source's sets it is (None: the known images).
        download: whether sets that may have to be downloaded are opened too; otherwise they are left out.

    Raises:
        HeatError: where a set cannot be opened, where the classes are names of splits, where the ID test set has no
            class of the training set, or where a shifted set has another class.
    """
    e, sets = experiment, {}

    def is_available(source: str) -> bool:
        return download or not needs_download(source)

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
    opened = {n: s for n, s in e.scored_sets.items() if s not in MADE and is_available(s)}
    sets |= {name: open_named(source, "test", name) for name, source in opened.items()}
    limits = {TRAIN: e.limit} | dict.fromkeys((ID, *e.shifted), e.limit_test or e.limit)
    sets = {name: images.limited(limits.get(name, e.limit_ood or e.limit)) for name, images in sets.items()}
    sets = _with_made_sets(e, sets)
    if TRAIN in sets:
        require_classes_or_none(sets[TRAIN], e)
        require_a_common_class(sets)
        require_known_classes(sets[TRAIN], {n: sets[n] for n in e.shifted if n in sets})
    return sets


def _with_made_sets(e: Experiment, sets: dict[str, ImageSet]) -> dict[str, ImageSet]:
    """Add the OOD sets that are made from the ID test images; `limit_ood` counts images of each of their classes."""
    sources = {name: source for name, source in e.ood.items() if source in MADE} if ID in sets else {}
    made = {name: make_set(source, sets[ID].limited(e.limit_ood)) for name, source in sources.items()}
    found = sets | made
    return {name: found[name] for name in (TRAIN, ID, *e.scored_sets) if name in found}


def parent_sets(experiment: Experiment, report: Progress) -> list[ImageSet]:
    """Open the sets of the run that an experiment follows, and the new images that this run scored.

    Their stored features are used for the images that the experiment shares with them. Where they cannot be opened, a
    sentence is reported, and there are none.
    """
    if experiment.parent is None:
        return []
    folder = heat_home() / "runs" / experiment.parent
    try:
        parent = Experiment.from_dict(read_info(folder)["experiment"], folder)
        batches = [scored_set(ScoredImages.load(path)) for path in sorted(folder.glob(f"own/*/{SCORED}"))]
        return [*open_sets(parent).values(), *batches]
    except HeatError as error:
        report("features", f"The features of {printable(experiment.parent)} are not used, every image is read: {error}")
        return []


def scored_set(scored: ScoredImages) -> ImageSet:
    """Return the images of a batch as the set of which its features were made, if all of them could be read."""
    files = PathList.from_paths(scored.place(row).file for row in range(len(scored)))
    ids, boxes = scored.ids.tolist(), scored.boxes if len(scored.boxes) else None
    fingerprint = images_fingerprint(ids, read_file_stats(files))
    return ImageSet(OWN_IMAGES, ids, make_opener(files, boxes), None, [], fingerprint, files=files, boxes=boxes)


def _test_source(train: ImageSet | None, source: str) -> str | None:
    """Return the source of the ID test images where none is given: the training set's manifest, if it lists some."""
    return source if train is not None and train.has_test_rows else None


def _set_name(source: str) -> str:
    """Name the features of a set by the last two parts of its resolved path, so that its spelling has no influence."""
    path = expand_home(source)
    path = resolve_links(path) if source not in demo_sets.SETS and is_image_source(path) else path
    return f"{path.parent.name}-{path.name}".strip("-.")
