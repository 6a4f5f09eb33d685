"""Where the features of an experiment come from: images through a backbone, or folders of features made elsewhere.

Both answer the same three questions: which features has a set, which linear head reads them, and how to get the extra
columns that some detectors ask for (made from images, so that a source without images has none).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from heat_core.backbones.backbone import Backbone
from heat_core.backbones.registry import load_backbone
from heat_core.data.folder_scan import is_features_folder
from heat_core.energies.names import SECOND
from heat_core.errors import HeatError
from heat_core.features.batches import ExtractionProgress, auto_device
from heat_core.features.columns import Column, pooled
from heat_core.features.extraction import extract
from heat_core.features.features import Features
from heat_core.features.store import load_features
from heat_core.pipeline.validate_sets import (
    notes_of,
    open_sets,
    other_classes,
    remarks,
    require_labels,
    shared_samples,
    without_classes,
)
from heat_core.progress import Every, no_progress
from heat_core.runs.events import Progress
from heat_core.runs.experiment import FEATURES, ID, TRAIN, Experiment
from heat_core.runs.metadata_columns import Columns
from heat_core.storage import printable, read_npz, typed
from heat_core.types import Head

Heard = Callable[[ExtractionProgress], None]


class Images:
    """Images through a timm backbone, extracted set by set and kept on disk.

    Attributes:
        backbone: the network.
        beside: a second encoder, or None: its features are the columns `avg@b`, `std@b`.
        head: its own linear layer (weight (C, D), bias (C,)), or None.
        device: where it runs.
        labelled: whether the ID set has classes.
        no_head: why it has none.
        notes: what one should know of the sets.
    """

    def __init__(self, experiment: Experiment, report: Progress) -> None:
        self._experiment, self._report = experiment, report
        self.device = auto_device()
        report("start", f"Using {self.device.type}.")
        self._sets = open_sets(experiment)  # all are opened before the first is extracted: bad folders show at once
        self.notes = [*notes_of(self._sets), *remarks(experiment, self._sets)]
        for note in self.notes:
            report("features", note)
        report("features", f"Loading {printable(experiment.backbone)}.")
        self.labelled = self._sets[TRAIN].labels is not None
        self.backbone = load_backbone(experiment.backbone, experiment.weights, experiment.image_size)
        self.head, self.no_head = self.backbone.head, self.backbone.no_head
        self.beside: Backbone | None = None
        if experiment.beside:
            report("features", f"Loading {printable(experiment.beside)}.")
            self.beside = load_backbone(experiment.beside, experiment.beside_weights, experiment.beside_image_size)
        for network, prior in ((self.backbone, "GMM-std"), (self.beside, f"GMM-std{SECOND}")):
            if network and not network.has_positions:
                self.notes.append(f"{network.name} gives {network.lacking}: there is no std-pooling, and no {prior}.")
                report("features", self.notes[-1])

    def features(self, name: str, columns: Sequence[Column] = (), again: Heard | None = None) -> Features:
        """The features of `train`, `id` or an OOD set, with extra columns.

        The report hears about progress and about files that cannot be read; `again` alone hears about progress where
        the images were seen before, for other columns.
        """
        images, due = self._sets[name], Every(0.5, at_once=True)

        def progress(record: ExtractionProgress) -> None:
            if due() or record["done"] == record["total"]:
                (again or first)(record)

        def first(record: ExtractionProgress) -> None:
            message = f"{images.name}: {record['done']} of {record['total']} images"
            self._report("features", message, dataset=images.name, **record)

        wanted, batch_size = (*pooled(self.backbone), *columns), self._experiment.batch_size
        found = extract(self.backbone, images, self.device, batch_size, on_progress=progress, columns=wanted)
        if (skipped := found.skipped) and again is None:
            shown = ", ".join(skipped[:5]) + (" …" if len(skipped) > 5 else "")
            message = f"{images.name}: {len(skipped)} unreadable images skipped: {shown}"
            self._report("features", message, skipped=skipped)
        if self.beside:
            found = _side_by_side(found, extract(self.beside, images, self.device, batch_size, on_progress=progress))
        return found.thinned(self._experiment.share) if name == TRAIN else found

    def columns(self, name: str, ids: Sequence[str]) -> Columns:
        """What else the manifest of a set says of its samples."""
        return self._sets[name].those(ids).columns


class FeatureFolders:
    """Folders of `avg.npy` (and `std.npy`, `labels.npy`, `meta.json` where there are any; see `Features.open`).

    Attributes:
        backbone: None, since there are no images.
        head: weight (C, D) and bias (C,) of `head.npz` in the ID folder, or None: then one is fitted.
        no_head: why there is none.
        device: where residuals are trained.
        labelled: whether the ID set has classes.
        notes: what one should know of the sets.
    """

    backbone = None
    notes: list[str]

    def __init__(self, experiment: Experiment, report: Progress) -> None:
        e = experiment
        self.device = auto_device()
        sources = {TRAIN: e.id, **({ID: e.id_test} if e.id_test else {}), **e.ood}
        folders = {name: typed(source) for name, source in sources.items()}
        report("start", f"Using {self.device.type}; the features are given, so no image is read.")
        for folder in folders.values():
            if not is_features_folder(folder):
                raise HeatError(
                    f"{folder} holds no avg.npy: with the backbone {FEATURES!r} every set is a folder of features."
                )
        opened = _comparable({name: load_features(folder) for name, folder in folders.items()}, report)
        train = opened[TRAIN]
        require_labels(train, folders[TRAIN], e)
        self.labelled = train.labels is not None
        train, test = (train, opened[ID]) if e.id_test else train.split()
        limits = e.limit_test or e.limit, e.limit_ood or e.limit
        self._sets = {
            TRAIN: train.limited(e.limit).thinned(e.share),
            ID: test.limited(limits[0]),
            **{name: opened[name].limited(limits[1]) for name in e.ood},
        }
        labelled = test.class_names if e.id_test and test.labels is not None else []
        self.notes = [
            *without_classes(self.labelled),
            *other_classes(train.class_names if self.labelled else [], labelled),
            *shared_samples(self._sets),
        ]
        for note in self.notes:
            report("features", note)
        self.head = _given_head(folders[TRAIN], train.avg.shape[1])
        self.no_head = "" if self.head else "there is no head.npz beside them"

    def features(self, name: str, columns: Sequence[Column] = (), again: Heard | None = None) -> Features:  # noqa: ARG002
        """The features of `train`, `id` or an OOD set; there are no extra columns."""
        return self._sets[name]

    def columns(self, name: str, ids: Sequence[str]) -> Columns:  # noqa: ARG002
        """There is no manifest."""
        return {}


Source = Images | FeatureFolders


def _side_by_side(first: Features, second: Features) -> Features:
    """The features of one encoder, with those of another as columns of their own."""
    if first.ids != second.ids:
        raise HeatError("Some images could be read by one encoder alone: they changed meanwhile, start the run again.")
    columns = {"avg": second.avg, **({} if second.std is None else {"std": second.std})}
    return replace(first, extra=first.extra | {f"{name}{SECOND}": values for name, values in columns.items()})


def open_source(experiment: Experiment, report: Progress = no_progress) -> Source:
    """Open every set of an experiment, and its backbone; HeatError where one cannot be had."""
    return (FeatureFolders if experiment.backbone == FEATURES else Images)(experiment, report)


def _comparable(sets: dict[str, Features], report: Progress) -> dict[str, Features]:
    """Refuse sets whose features differ in dimension; leave `std` out where not every set has it."""
    without = [name for name, f in sets.items() if f.std is None]
    if without and len(without) < len(sets):
        report("features", f"{without[0]!r} has no std.npy: GMM-std is left out.")
        sets = {name: replace(f, std=None) for name, f in sets.items()}
    for column in ("avg",) if without else ("avg", "std"):
        expected = getattr(sets[TRAIN], column).shape[1]
        for name, features in sets.items():
            if (found := getattr(features, column).shape[1]) != expected:
                raise HeatError(f"{column} of {name!r} has {found} dimensions, that of the ID set {expected}.")
    return sets


def _given_head(folder: Path, dim: int) -> Head | None:
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
