"""Sources of an experiment's features: images and a backbone, or folders of features made elsewhere.

Both give the features of a set, the linear head that reads them, and the extra columns that some detectors request; the
latter are computed from images, so that a source without images has none.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.backbones.backbone import Backbone
from heat_core.backbones.class_names import class_names_of
from heat_core.backbones.registry import load_backbone
from heat_core.data.folder_scan import is_features_folder
from heat_core.errors import HeatError
from heat_core.features.batches import ExtractionProgress, auto_device
from heat_core.features.columns import Column, pooled_columns
from heat_core.features.extraction import extract
from heat_core.features.features import SECOND_ENCODER, Features
from heat_core.features.store import load_features
from heat_core.names import printable, shortlist
from heat_core.pipeline.copies.near_duplicates import LoadedSet, near_duplicate_notes
from heat_core.pipeline.experiment_sets import open_sets, parent_sets
from heat_core.pipeline.set_warnings import (
    notes_of,
    set_warnings,
    warn_other_classes,
    warn_shared_samples,
    warn_without_classes,
)
from heat_core.pipeline.validate_sets import require_known_classes, require_labels
from heat_core.progress import RateLimiter, no_progress
from heat_core.runs.events import Progress
from heat_core.runs.experiment import FEATURES, ID, TRAIN, Experiment
from heat_core.runs.metadata_columns import Columns
from heat_core.storage import expand_home, read_npz
from heat_core.types import Head

OnExtraction = Callable[[ExtractionProgress], None]


class ImageSource:
    """Source that extracts the features of images set by set and stores them on disk.

    Attributes:
        backbone: the network.
        second_backbone: a second encoder, or None; its features are the columns `avg@b`, `std@b`.
        head: the network's own linear head (weight (C, D), bias (C,)), or None.
        device: device of the network.
        labelled: whether the ID set has classes.
        no_head_reason: why there is no head.
        head_class_names: names of the head's classes, in its order; [] where they are not known.
        notes: sentences about the sets for readers of the numbers.
    """

    def __init__(self, experiment: Experiment, report: Progress) -> None:
        self._experiment, self._report = experiment, report
        self.device = auto_device()
        report("start", f"Using {self.device.type}.")
        self._sets = open_sets(experiment)  # errors of all sets appear before the first extraction
        self._parent_sets = parent_sets(experiment, report)
        self.notes = [*notes_of(self._sets), *set_warnings(experiment, self._sets)]
        for note in self.notes:
            report("features", note)
        report("features", f"Loading {printable(experiment.backbone)}.")
        self.labelled = self._sets[TRAIN].labels is not None
        self.backbone = load_backbone(experiment.backbone, experiment.weights, experiment.image_size)
        self.head, self.no_head_reason = self.backbone.head, self.backbone.no_head_reason
        self.head_class_names = class_names_of(self.backbone.model)
        self.second_backbone: Backbone | None = None
        if experiment.second_backbone:
            report("features", f"Loading {printable(experiment.second_backbone)}.")
            self.second_backbone = load_backbone(
                experiment.second_backbone, experiment.second_weights, experiment.second_image_size
            )
        for network, prior in ((self.backbone, "GMM-std"), (self.second_backbone, f"GMM-std{SECOND_ENCODER}")):
            if network and not network.has_positions:
                self.notes.append(
                    f"{network.name} gives {network.volume_kind}: there is no std-pooling, and no {prior}."
                )
                report("features", self.notes[-1])

    def features(self, name: str, columns: Sequence[Column] = (), on_reread: OnExtraction | None = None) -> Features:
        """Extract the features of `train` or of a scored set, with extra columns.

        The progress and the files that cannot be read are reported; where the images were read before, for other
        columns, `on_reread` receives the progress instead.
        """
        images, is_due = self._sets[name], RateLimiter(0.5, at_once=True)

        def report_images(record: ExtractionProgress) -> None:
            message = f"{images.name}: {record['done']} of {record['total']} images"
            self._report("features", message, dataset=images.name, **record)

        def on_progress(record: ExtractionProgress) -> None:
            if is_due() or record["done"] == record["total"]:
                (on_reread or report_images)(record)

        all_columns, batch_size = (*pooled_columns(self.backbone), *columns), self._experiment.batch_size
        settings: dict[str, Any] = {
            "batch_size": batch_size,
            "on_progress": on_progress,
            "known_sets": self._parent_sets,
        }
        features = extract(self.backbone, images, self.device, columns=all_columns, **settings)
        if features.skipped and on_reread is None:
            skipped = features.skipped
            message = f"{images.name}: {len(skipped)} unreadable images skipped: {shortlist(skipped)}"
            self._report("features", message, skipped=skipped)
        if self.second_backbone:
            features = features.with_second_encoder(extract(self.second_backbone, images, self.device, **settings))
        return features.subsample(self._experiment.share) if name == TRAIN else features

    def columns(self, name: str, ids: Sequence[str]) -> Columns:
        """Return the further columns of a set's manifest for some of its samples."""
        return self._sets[name].select(ids).columns

    def notes_about(self, features: dict[str, Features]) -> list[str]:
        """Write sentences about pictures that two sets share, found by the features of all sets."""
        loaded = {name: LoadedSet(f, self._sets[name]) for name, f in features.items()}
        return near_duplicate_notes(loaded, self._experiment.shifted)


class FeatureFolderSource:
    """Source that reads folders of features (see `load_features`).

    Attributes:
        backbone: None, since there are no images.
        head: weight (C, D) and bias (C,) of `head.npz` in the ID folder, or None: a head is then fitted.
        no_head_reason: why there is no head.
        head_class_names: (), since head.npz does not name its classes.
        device: device on which residuals are trained.
        labelled: whether the ID set has classes.
        notes: sentences about the sets for readers of the numbers.

    Raises:
        HeatError: where a folder holds no features, or they do not fit those of the other sets.
    """

    backbone = None
    head_class_names: Sequence[str] = ()
    notes: list[str]

    def __init__(self, experiment: Experiment, report: Progress) -> None:
        e = experiment
        self.device = auto_device()
        sources = {TRAIN: e.id, **({ID: e.id_test} if e.id_test else {}), **e.scored_sets}
        folders = {name: expand_home(source) for name, source in sources.items()}
        report("start", f"Using {self.device.type}; the features are given, so no image is read.")
        for folder in folders.values():
            if not is_features_folder(folder):
                raise HeatError(
                    f"{folder} holds no avg.npy: with the backbone {FEATURES!r} every set is a folder of features."
                )
        opened = _with_common_columns({name: load_features(folder) for name, folder in folders.items()}, report)
        train = opened[TRAIN]
        require_labels(train, folders[TRAIN], e)
        require_known_classes(train, {name: opened[name] for name in e.shifted})
        self.labelled = train.labels is not None
        train, test = (train, opened[ID]) if e.id_test else train.split()
        limits = e.limit_test or e.limit, e.limit_ood or e.limit
        self._sets = {
            TRAIN: train.limited(e.limit).subsample(e.share),
            ID: test.limited(limits[0]),
            **{name: opened[name].limited(limits[name in e.ood]) for name in e.scored_sets},
        }
        labelled = test.class_names if e.id_test and test.labels is not None else []
        self.notes = [
            *warn_without_classes(self.labelled),
            *warn_other_classes(train.class_names if self.labelled else [], labelled),
            *warn_shared_samples(self._sets, e.shifted),
        ]
        for note in self.notes:
            report("features", note)
        self.head = read_given_head(folders[TRAIN], train.avg.shape[1])
        self.no_head_reason = "" if self.head else "there is no head.npz beside them"

    def features(self, name: str, columns: Sequence[Column] = (), on_reread: OnExtraction | None = None) -> Features:  # noqa: ARG002
        """Return the features of `train` or of a scored set; there are no extra columns."""
        return self._sets[name]

    def columns(self, name: str, ids: Sequence[str]) -> Columns:  # noqa: ARG002
        """Return {}, since there is no manifest."""
        return {}

    def notes_about(self, features: dict[str, Features]) -> list[str]:  # noqa: ARG002
        """Return [], since there are no pictures."""
        return []


Source = ImageSource | FeatureFolderSource


def open_source(experiment: Experiment, report: Progress = no_progress) -> Source:
    """Open every set of an experiment, and its backbone.

    Raises:
        HeatError: where a set or the backbone cannot be loaded.
    """
    return (FeatureFolderSource if experiment.backbone == FEATURES else ImageSource)(experiment, report)


def _with_common_columns(sets: dict[str, Features], report: Progress) -> dict[str, Features]:
    """Refuse sets whose features differ in dimension; leave `std` out where not every set has it."""
    without = [name for name, f in sets.items() if f.std is None]
    if without and len(without) < len(sets):
        report("features", f"{without[0]!r} has no std.npy: GMM-std is left out.")
        sets = {name: replace(f, std=None) for name, f in sets.items()}
    for column in ("avg",) if without else ("avg", "std"):
        expected = getattr(sets[TRAIN], column).shape[1]
        for name, features in sets.items():
            if (dimensions := getattr(features, column).shape[1]) != expected:
                raise HeatError(f"{column} of {name!r} has {dimensions} dimensions, that of the ID set {expected}.")
    return sets


def read_given_head(folder: Path, dim: int) -> Head | None:
    """Read (weight (C, dim), bias (C,)) as float64 from `head.npz` of a folder; None where there is no such file.

    Raises:
        HeatError: where the file is damaged, or does not fit the features.
    """
    if not (folder / "head.npz").exists():
        return None
    path, cure = folder / "head.npz", "save the head again, or remove the file"
    arrays = read_npz(path, cure)
    weight, bias = (arrays.get(name, np.empty(0)) for name in ("weight", "bias"))
    numbers = all(array.dtype.kind in "fiu" for array in arrays.values())
    if set(arrays) != {"weight", "bias"} or bias.ndim != 1 or weight.shape != (bias.size, dim) or not numbers:
        raise HeatError(f"{printable(path)} must hold `weight` (C, {dim}) and `bias` (C,), both numbers: {cure}.")
    weight, bias = weight.astype(np.float64), bias.astype(np.float64)
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise HeatError(f"{printable(path)} holds NaN or infinite values: {cure}.")
    return weight, bias
