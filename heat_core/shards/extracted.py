"""A list of images through a network: shards of features, then one folder that a run takes with `--backbone features`.

Sums of such features (`energies.moments.Moments`) can be made apart, too, and added: that is all that a mixture needs.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property, reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.backbones.registry import Backbone
from heat_core.data.folder_scan import numbered, unique
from heat_core.energies.moments import Moments
from heat_core.energies.views import VIEWS
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.features.store import META, load_features
from heat_core.progress import no_progress
from heat_core.runs.events import Progress
from heat_core.shards.jobs import ExtractShards
from heat_core.shards.listing import Listed, read_shard
from heat_core.shards.plan import SHARD, How, at_work, begin
from heat_core.shards.work import Engine, loop, work
from heat_core.storage import digest_of, printable, read_npz, replacing, write_sealed

_CURE = "delete it and start again"


def extract_list(
    backbone: Backbone,
    sources: Sequence[Path],
    out: Path,
    how: How,
    batch_size: int | None = None,
    report: Progress = no_progress,
) -> Listed:
    """Extract features of images into a folder of features; called again it goes on where it ended.

    Args:
        backbone: the network.
        sources: folders, image files and manifests.
        out: folder of the features.
        how: the work is done.
        batch_size: images at a time; None = as the device likes.
        report: hears how far it is.

    Raises:
        HeatError: where the folder, the list or the engine will not do, or no image can be read.
    """
    if batch_size is not None and batch_size < 1:
        raise HeatError(f"--batch-size is {batch_size}: give 1 or more.")
    with at_work(out):
        of = f"features of {backbone.name} {backbone.fingerprint}"
        plan, listed = begin(out, sources, of, how, batch_size)
        for note in listed.notes:
            report("features", note)
        if None in listed.labels and len(listed.labels) > 1:
            report("features", "Some images have no label, so that the set is taken without classes.")
        job = ExtractShards(out, plan, backbone)
        if not (out / META).exists():
            _assemble(job, work(job, how, report), listed)
        for number in range(plan.shards):
            job.path(number).unlink(missing_ok=True)
        return listed


def _assemble(job: ExtractShards, paths: Sequence[Path], listed: Listed) -> None:
    """Shards → avg.npy, std.npy, labels.npy, meta.json, with no more than a shard in memory."""
    out, readable, widths = job.folder, list[np.ndarray](), dict[str, int]()
    for path in paths:
        arrays = read_npz(path, _CURE)
        readable.append(arrays.pop("readable"))
        widths |= {name: values.shape[1] for name, values in arrays.items()}
    rows = sum(int(could.sum()) for could in readable)
    if not rows:
        raise HeatError(f"None of the {job.plan.rows} images could be read: check that they are images.")
    _join(out, paths, {name: (rows, width) for name, width in widths.items()})
    ids, skipped, labels = list[str](), list[str](), list[str]()
    for number, could_be in enumerate(readable):
        shard = read_shard(out, number, job.plan.size)
        for name, label, could in zip(shard.ids, shard.labels, could_be, strict=True):
            (ids if could else skipped).append(name)
            if could and label is not None:
                labels.append(label)
    columns, meta = list(widths), {"ids": unique(ids), "skipped": skipped, "labelled": None not in listed.labels}
    if meta["labelled"]:
        numbers, meta["class_names"] = numbered(labels)
        with replacing(out / "labels.npy") as beside, open(beside, "wb") as file:
            np.save(file, numbers)
        columns.append("labels")
    write_sealed(out / META, meta | {"digests": {name: digest_of(out / f"{name}.npy") for name in columns}})


def _join(out: Path, paths: Sequence[Path], shapes: dict[str, tuple[int, int]]) -> None:
    """Write the columns of all shards, one shard below the other."""
    with ExitStack() as opened:
        files = {}
        for name, shape in shapes.items():
            beside = opened.enter_context(replacing(out / f"{name}.npy"))
            files[name] = opened.enter_context(open(beside, "wb"))
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(files[name], header)
        for path in paths:
            arrays = read_npz(path, _CURE)
            for name in files.keys() & arrays.keys():
                files[name].write(arrays[name].astype("<f4", copy=False).tobytes())


class _MomentsOf:
    """A job: the moments of some rows of a folder of features, as a prior sees them."""

    def __init__(self, folder: Path, prior: str, classes: Sequence[str], size: int) -> None:
        self.folder, self.prior, self.classes, self.size = folder.resolve(), prior, list(classes), size

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_opened"}  # files do not travel

    @cached_property
    def _opened(self) -> tuple[Features, np.ndarray]:
        """The features, and the number among `classes` of each row; once a process, since it looks at all of them."""
        features = load_features(self.folder)
        labels = features.required_labels(f"The prior {self.prior}")
        if unknown := sorted(set(features.class_names) - set(self.classes)):
            raise HeatError(
                f"{printable(self.folder)} has the class {printable(unknown[0])}, which is not among these."
            )
        return features, np.array([self.classes.index(name) for name in features.class_names])[labels]

    def __call__(self, number: int, report: Progress = no_progress) -> Moments:  # noqa: ARG002
        features, index = self._opened
        rows = slice(number * self.size, (number + 1) * self.size)
        return Moments.of(VIEWS[self.prior].rows(features)[rows], index[rows], len(self.classes))


def moments_of(
    folder: Path, prior: str, classes: Sequence[str], size: int = SHARD, engine: Engine[Moments] = loop
) -> Moments:
    """The moments that `GaussianMixture.fit_moments` takes, of a folder of features, made in parts and added.

    Args:
        folder: of features with labels.
        prior: whose view of them: `gmm`, `gmm-std`, …
        classes: names, in the order of the mixture; the folder may have images of some of them alone, and of no other.
        size: rows a part.
        engine: `loop`, or `OnRay(…)`.
    """
    parts = -(-len(load_features(folder)) // size)
    return reduce(add, engine(_MomentsOf(folder, prior, classes, size), list(range(parts)), no_progress))
