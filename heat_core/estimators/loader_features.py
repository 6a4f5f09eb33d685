"""Features of the batches of a loader, by any network."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from heat_core.arrays import to_array
from heat_core.backbones.registry import Backbone, load_backbone
from heat_core.backbones.state_dict import first_line
from heat_core.data.folder_scan import normalise_class_names
from heat_core.errors import HeatError
from heat_core.features.batches import auto_device, extract_batches, require_pixel_range
from heat_core.features.features import Features
from heat_core.features.heads import find_own_head
from heat_core.names import printable, shortlist
from heat_core.types import Head

_LabelledBatch = tuple[torch.Tensor, np.ndarray | None]


@dataclass
class LoaderFeatures(Features):
    """Features of the images of a loader, with the network that computed them.

    `avg` and `std` are float32; `labels` are as the loader gives them, or None; `class_names` are those that the
    loader's dataset has as `classes`, or empty.

    Attributes:
        head: (weight (C, D), bias (C,)) of the network, or None where no linear head gives its logits.
        backbone: the network.
    """

    head: Head | None = field(kw_only=True)
    backbone: Backbone = field(kw_only=True)

    def head_of_labels(self) -> tuple[Head | None, list[str]]:
        """Return the rows of the head for the classes that have samples, and the names of these classes.

        Without labels it is the whole head. It is None where there is none, or where the classes of the network are
        others than those of the labels (see `heads.find_own_head`); names are then those of the labels.

        Raises:
            HeatError: where labels are negative.
        """
        if self.labels is None:
            return self.head, []
        present, labels = np.unique(self.labels, return_inverse=True)
        if present[0] < 0:
            raise HeatError(f"The loader has the label {present[0]}: classes of known images are numbered from 0.")
        rows = max(0 if self.head is None else len(self.head[1]), int(present[-1]) + 1)
        names = self.class_names or [str(row) for row in range(rows)]
        indices = present.tolist()
        train = Features(
            *(self.avg, None, labels, self.ids, [names[c] for c in indices]),
            class_indices=indices,
            all_class_names=names,
        )
        return find_own_head(self.head, train)[0], train.class_names


def extract(
    model: nn.Module | Backbone | str,
    loader: Iterable[Any],
    *,
    image_key: str = "image",
    label_key: str | None = "label",
    head: str | None = None,
    pool: str | None = "auto",
    device: torch.device | str | None = None,
    progress: bool = True,
) -> LoaderFeatures:
    """Extract the features of every image of a loader.

    A module is copied, frozen and checked as by `Backbone.wrap`: its head, applied to the features, gives its own
    logits, and the features of an image do not depend on the rest of its batch. It computes in float32, and on a GPU
    under autocast to bfloat16, as for images of files.

    Args:
        model: module that takes the loader's pixels and gives logits; a `Backbone`; or the name of a backbone, such as
            one of timm.
        loader: batches of floating-point pixels (B, C, H, W), prepared as the model reads them: tensors; tuples or
            lists of images and labels, whose further parts are not read; or dictionaries.
        image_key: key of the images, where batches are dictionaries.
        label_key: key of the labels, where batches are dictionaries; None = labels are not read.
        head: dotted name of the module whose input is `avg`, as in `Backbone.wrap`; for a module only.
        pool: dotted name of the module that pools, as in `Backbone.wrap`; for a module only.
        device: device of the network; default: a GPU, where there is one.
        progress: whether a progress bar is shown.

    Raises:
        HeatError: where the model cannot be used, the loader is empty, or a batch is not as described above, has images
            of another shape than the others, or gives features that are not finite.
    """
    target = _require_device(device)
    batches = _checked_batches(loader, image_key, label_key)
    first = next(batches, None)
    if first is None:
        raise HeatError("The loader gives no batch: there are no images to extract features of.")
    backbone = _as_backbone(model, tuple(first[0].shape[1:]), head, pool)
    labels: list[np.ndarray | None] = []
    bar = tqdm(total=_length(loader), disable=not progress, desc="Features", unit=" batches")

    def read_pixels(batch: _LabelledBatch | None) -> Iterator[torch.Tensor]:
        while batch is not None:
            require_pixel_range(backbone, batch[0])
            labels.append(batch[1])
            yield batch[0]
            bar.update()
            batch = next(batches, None)

    with bar:
        columns = extract_batches(backbone, read_pixels(first), target)
    joined = None if labels[0] is None else np.concatenate([part for part in labels if part is not None])
    return LoaderFeatures(
        avg=columns["avg"],
        std=columns.get("std"),
        labels=joined,
        ids=[f"image {i}" for i in range(len(columns["avg"]))],
        class_names=[] if joined is None else _class_names(loader, int(joined.max())),
        head=backbone.head,
        backbone=backbone,
    )


def _require_device(device: torch.device | str | None) -> torch.device:
    if device is None:
        return auto_device()
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, TypeError) as error:
        raise HeatError(f"The device {device} cannot be used ({first_line(error)}).") from error


def _as_backbone(model: Any, shape: tuple[int, ...], head: str | None, pool: str | None) -> Backbone:
    """Wrap a module for pixels of (C, H, W), load a backbone by its name, or return one if its input has that shape."""
    if isinstance(model, str | Backbone):
        if head is not None or pool != "auto":
            raise HeatError("head and pool are found already for a backbone: leave them out, or give the module.")
        backbone = load_backbone(model) if isinstance(model, str) else model
        if backbone.input_shape != shape:
            raise HeatError(
                f"The images of the loader have the shape {shape} (channels, height, width), and {backbone.name} takes "
                f"{backbone.input_shape}: prepare them with the backbone's transform."
            )
        return backbone
    return Backbone.wrap(model, None, pool, head, input_shape=shape)  # type: ignore[arg-type]  # of four dimensions


def _checked_batches(loader: Iterable[Any], image_key: str, label_key: str | None) -> Iterator[_LabelledBatch]:
    """Iterate over images (B, C, H, W) and labels (B,), or None, all of the same kind as in the first batch."""
    try:
        iterator = iter(loader)
    except TypeError as error:
        raise HeatError(f"The loader is a {type(loader).__name__}: give an iterable of batches of pixels.") from error
    first: _LabelledBatch | None = None
    for number, batch in enumerate(iterator):
        title = f"Batch {number} of the loader"
        images, labels = _split(batch, image_key, label_key, title)
        pixels = _require_images(images, title)
        checked = pixels, None if labels is None else _require_labels(labels, len(pixels), title)
        first = first or checked
        if pixels.shape[1:] != first[0].shape[1:]:
            shapes = tuple(pixels.shape[1:]), tuple(first[0].shape[1:])
            raise HeatError(f"{title} has images of the shape {shapes[0]}, and the first {shapes[1]}: crop all alike.")
        if (labels is None) != (first[1] is None):
            raise HeatError(f"{title} has {'no ' if labels is None else ''}labels, unlike the first: give all or none.")
        yield checked


def _split(batch: Any, image_key: str, label_key: str | None, title: str) -> tuple[Any, Any]:
    """Take images and labels out of a batch; labels are None where it has none."""
    if isinstance(batch, Mapping):
        for argument, key in {"image_key": image_key, "label_key": label_key}.items():
            if key is not None and key not in batch:
                keys = shortlist([printable(str(name)) for name in batch])
                unlabelled = ", or None to read no labels" if argument == "label_key" else ""
                raise HeatError(f"{title} has no {key!r}: name one of its keys with {argument}={unlabelled} ({keys}).")
        return batch[image_key], None if label_key is None else batch[label_key]
    if isinstance(batch, tuple | list) and batch:
        return batch[0], batch[1] if len(batch) > 1 else None
    return batch, None


def _require_images(images: Any, title: str) -> torch.Tensor:
    if not isinstance(images, torch.Tensor):
        raise HeatError(
            f"{title} holds a {type(images).__name__} in place of images: it must be a tensor (B, C, H, W), a pair of "
            "such images and labels, or a dictionary of these."
        )
    shape, dtype = tuple(images.shape), str(images.dtype).removeprefix("torch.")
    if len(shape) != 4 or not len(images):
        hint = " (is it a dataset? Give DataLoader(dataset, batch_size=64))" if len(shape) == 3 else ""
        raise HeatError(f"{title} has images of the shape {shape}: it must be (B, C, H, W){hint}.")
    if not images.is_floating_point():
        raise HeatError(
            f"{title} has pixels of the type {dtype}, which are not normalised: give floating-point numbers, as the "
            "transform with which the model was trained makes them."
        )
    return images


def _require_labels(labels: Any, count: int, title: str) -> np.ndarray:
    array = to_array(labels)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise HeatError(f"{title} has labels of the type {array.dtype} {array.shape}: they must be whole numbers (B,).")
    if len(array) != count:
        raise HeatError(f"{title} has {count} images and {len(array)} labels: give a label for each image.")
    return array


def _length(loader: Any) -> int | None:
    """Return the number of batches; None where it is not known, as of a generator."""
    try:
        return len(loader)
    except TypeError:
        return None


def _class_names(loader: Any, largest: int) -> list[str]:
    """Return the names of classes that a loader's dataset has; [] where it has none, or fewer than labels."""
    dataset = getattr(loader, "dataset", None)
    while dataset is not None and not hasattr(dataset, "classes"):
        dataset = getattr(dataset, "dataset", None)  # the whole set, of a Subset
    names = getattr(dataset, "classes", None)
    if not isinstance(names, list | tuple) or len(names) <= largest or not all(isinstance(n, str) for n in names):
        return []
    return normalise_class_names(list(names))
