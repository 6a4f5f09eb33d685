"""Extraction of the features of an image list, in shards that are joined to a folder for `--backbone features`."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from heat_core.backbones.registry import Backbone
from heat_core.data.folder_scan import encode_classes, unique_names
from heat_core.digests import digest_of_file
from heat_core.errors import HeatError
from heat_core.features.store import META
from heat_core.progress import no_progress
from heat_core.runs.events import Progress
from heat_core.shards.engine import run_shards
from heat_core.shards.image_list_file import ImageListSummary, read_shard
from heat_core.shards.shard_jobs import FeatureShardJob
from heat_core.shards.shard_plan import EngineOptions, lock_folder, open_plan
from heat_core.storage import read_npz, replacing, write_checked_json

_REMEDY = "delete it and start again"


def extract_list(
    backbone: Backbone,
    sources: Sequence[Path],
    out: Path,
    options: EngineOptions,
    batch_size: int | None = None,
    report: Progress = no_progress,
) -> ImageListSummary:
    """Extract features of images into a folder of features; a second call resumes interrupted work.

    Args:
        backbone: network that the features come from.
        sources: folders, image files and manifests.
        out: folder of the features.
        options: options of the engine.
        batch_size: images per batch; None = chosen for the device.
        report: receives the progress.

    Raises:
        HeatError: if the folder, the list or the engine is unsuitable, or if no image can be read.
    """
    if batch_size is not None and batch_size < 1:
        raise HeatError(f"--batch-size is {batch_size}: give 1 or more.")
    with lock_folder(out):
        subject = f"features of {backbone.name} {backbone.fingerprint}"
        plan, image_list = open_plan(out, sources, subject, options, batch_size)
        for note in image_list.notes:
            report("features", note)
        if None in image_list.labels and len(image_list.labels) > 1:
            report("features", "Some images have no label, so that the set is taken without classes.")
        job = FeatureShardJob(out, plan, (backbone,))
        if not (out / META).exists():
            _assemble(job, run_shards(job, options, report), None not in image_list.labels)
        for number in range(plan.shard_count):
            job.result_path(number).unlink(missing_ok=True)
        return image_list


@dataclass
class _Samples:
    """Ids and labels of the readable images of all shards, and ids of those that could not be read.

    Attributes:
        ids: id of each readable image.
        labels: label of each readable image that has one.
        skipped: id of each image that could not be read.
    """

    ids: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def _assemble(job: FeatureShardJob, paths: Sequence[Path], is_labelled: bool) -> None:
    """Join shards to avg.npy, std.npy, labels.npy and meta.json, with the features of one shard in memory at a time."""
    out, readable, widths = job.folder, list[np.ndarray](), dict[str, int]()
    for path in paths:
        arrays = read_npz(path, _REMEDY)
        readable.append(arrays.pop("readable"))
        widths |= {name: values.shape[1] for name, values in arrays.items()}
    readable_count = sum(int(flags.sum()) for flags in readable)
    if not readable_count:
        raise HeatError(f"None of the {job.plan.image_count} images could be read: check that they are images.")
    _join_columns(out, paths, {name: (readable_count, width) for name, width in widths.items()})
    samples = _collect_samples(job, readable)
    columns = list(widths)
    meta = {"ids": unique_names(samples.ids), "skipped": samples.skipped, "labelled": is_labelled}
    if is_labelled:
        class_indices, meta["class_names"] = encode_classes(samples.labels)
        with replacing(out / "labels.npy") as temp_path, open(temp_path, "wb") as file:
            np.save(file, class_indices)
        columns.append("labels")
    write_checked_json(out / META, meta | {"digests": {name: digest_of_file(out / f"{name}.npy") for name in columns}})


def _collect_samples(job: FeatureShardJob, readable: Sequence[np.ndarray]) -> _Samples:
    """Read the ids and labels of all shards.

    Args:
        job: job that wrote the shards.
        readable: for each shard, (n,) bool that is True for images that could be read.
    """
    samples = _Samples()
    for number, flags in enumerate(readable):
        shard = read_shard(job.folder, number, job.plan.shard_size)
        for sample_id, label, is_readable in zip(shard.ids, shard.labels, flags, strict=True):
            (samples.ids if is_readable else samples.skipped).append(sample_id)
            if is_readable and label is not None:
                samples.labels.append(label)
    return samples


def _join_columns(out: Path, paths: Sequence[Path], shapes: dict[str, tuple[int, int]]) -> None:
    """Concatenate the columns of all shards into .npy files.

    Args:
        out: folder of the files.
        paths: result files of the shards, in order.
        shapes: name of a column → shape of its file.
    """
    with ExitStack() as stack:
        files = {}
        for name, shape in shapes.items():
            temp_path = stack.enter_context(replacing(out / f"{name}.npy"))
            files[name] = stack.enter_context(open(temp_path, "wb"))
            header = {"descr": "<f4", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(files[name], header)
        for path in paths:
            arrays = read_npz(path, _REMEDY)
            for name in files.keys() & arrays.keys():
                files[name].write(arrays[name].astype("<f4", copy=False).tobytes())
