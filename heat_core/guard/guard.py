"""Guard: everything from a run that scoring images needs, without what only training or inspecting the run needs."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import ArrayLike
from PIL import Image
from scipy.special import softmax

from heat_core.arrays import to_array
from heat_core.backbones.registry import Backbone
from heat_core.data.datasets import from_files
from heat_core.data.image_io import ImageInput, ImageSource, read_image, to_source
from heat_core.data.image_set import ImageSet
from heat_core.data.pixels.arrays import is_picture
from heat_core.energies.hybrid_model import hybrid_energies
from heat_core.energies.names import prior_title
from heat_core.errors import HeatError
from heat_core.features.batches import ExtractionProgress, extract_in_memory, extract_pixels, join_encoders
from heat_core.features.chunks import non_finite_rows
from heat_core.features.features import SECOND_ENCODER, Features
from heat_core.features.heads import logits_of
from heat_core.guard.file import load_guard, save_guard
from heat_core.guard.module import GuardModule
from heat_core.guard.state import GuardState
from heat_core.guard.verdicts import Verdicts, insert_unscored
from heat_core.names import printable
from heat_core.storage import expand_home

# Columns of features by the arguments of `Guard.of_features`.
_COLUMN_NAMES = {
    "avg": "avg",
    "std": "std",
    "second_avg": f"avg{SECOND_ENCODER}",
    "second_std": f"std{SECOND_ENCODER}",
}
_ARGUMENTS = {column: argument for argument, column in _COLUMN_NAMES.items()}


class Guard(GuardState):
    """HEAT detector that scores images without its run.

    Its arguments and attributes are those of `GuardState`.

    Examples:
        >>> guard = Guard.load("run.safetensors")
        >>> verdicts = guard("images/")
        >>> verdicts.unknown(alpha=0.05)
    """

    @classmethod
    def load(
        cls,
        path: str | Path,
        weights: str | Path | None = None,
        backbone: Backbone | None = None,
        *,
        second_weights: str | Path | None = None,
        second_backbone: Backbone | None = None,
    ) -> "Guard":
        """Load a guard from a file that `save` wrote.

        Args:
            path: path of the file.
            weights: path of the network's weights, if it differs from the one when the guard was packed.
            backbone: the network itself, for networks that no file of weights can restore.
            second_weights: the same as `weights` of a second encoder.
            second_backbone: the same as `backbone` of a second encoder.

        Raises:
            HeatError: when the file is missing, damaged, no guard, or of another format, or something of a second
                encoder is given for a guard that has none.
        """
        networks = (weights, backbone), (second_weights, second_backbone)
        return cls(**vars(load_guard(expand_home(path), *networks)))

    def save(self, path: str | Path, with_weights: bool = False) -> None:
        """Write the guard to one file, optionally with the network's weights in it."""
        save_guard(self, expand_home(path), with_weights)

    def __call__(
        self,
        images: ImageInput | Sequence[ImageInput] | ImageSet | torch.Tensor,
        batch_size: int | None = None,
        on_progress: Callable[[ExtractionProgress], None] = lambda _: None,
        by_class: bool = False,
    ) -> Verdicts:
        """Score images.

        Args:
            images: path of an image, a folder or a manifest; an image that is held as bytes, as an open file, by
                Pillow or as an array of uint8 or uint16 (H, W), (H, W, 3) or (H, W, 4); a sequence of paths and such
                images; an `ImageSet`; or a floating-point tensor (N, 3, H, W) of pixels that
                `guard.backbone.transform` made. An image of Pillow is read as its file is: turned as its EXIF
                orientation says, and with more than 8 bits scaled by its range. So is an array, which has no
                orientation.
            batch_size: images per batch; default: chosen for the device.
            on_progress: callback that receives a record after every batch.
            by_class: whether p-values are computed within the predicted class.

        Returns:
            The verdicts of all images. An image that cannot be read has NaN in place of a score, and an error.

        Raises:
            HeatError: when no image is given, `images` holds something else than images, or the network cannot be
                loaded or is not the guard's.
        """
        backbones = self.backbones
        if isinstance(images, torch.Tensor):
            return self.score_features(self._extract_pixels(images, batch_size), by_class)
        image_set = images if isinstance(images, ImageSet) else _open_images(images)
        features, readable = join_encoders(
            [extract_in_memory(b, image_set, batch_size, on_progress=on_progress) for b in backbones]
        )
        return self.score_readable(features, image_set.ids, readable, by_class)

    def _extract_pixels(self, pixels: torch.Tensor, batch_size: int | None) -> Features:
        if self.second_network:
            raise HeatError(
                f"{self.name} has two encoders, which read images of different sizes and scales: give images instead "
                "of a tensor, or use guard.module(), which takes a tensor for each."
            )
        return extract_pixels(self.backbone, pixels, batch_size)

    def of_features(
        self,
        avg: ArrayLike | torch.Tensor,
        std: ArrayLike | torch.Tensor | None = None,
        by_class: bool = False,
        *,
        second_avg: ArrayLike | torch.Tensor | None = None,
        second_std: ArrayLike | torch.Tensor | None = None,
    ) -> Verdicts:
        """Score features that a network computed.

        Args:
            avg: (N, D) features that the network's head reads, as an array or a tensor.
            std: (N, D') standard deviation of the last feature volume over positions; needed if a prior reads it.
            by_class: whether p-values are computed within the predicted class.
            second_avg: (N, E) features of a second encoder; needed if a prior reads them.
            second_std: (N, E') standard deviation of the second encoder's last feature volume; needed if a prior reads
                it.

        Returns:
            The verdicts of all rows. A row that is not finite has NaN in place of a score, and an error.

        Raises:
            HeatError: when the dimensions are not those of the run, or a column is needed and missing.
        """
        given = {"avg": avg, "std": std, "second_avg": second_avg, "second_std": second_std}
        columns = {name: _require_features(name, values) for name, values in given.items() if values is not None}
        count = len(columns["avg"])
        for name, values in columns.items():
            if len(values) != count:
                raise HeatError(f"avg has {count} rows and {name} {len(values)}: give one row per image in each.")
        ids, is_finite = [f"image {i}" for i in range(count)], np.ones(count, bool)
        for values in columns.values():
            is_finite[non_finite_rows(values)] = False
        finite_rows = np.flatnonzero(is_finite)
        finite = {_COLUMN_NAMES[name]: values[finite_rows] for name, values in columns.items()}
        features = Features(
            finite.pop("avg"), finite.pop("std", None), None, [ids[i] for i in finite_rows], extra=finite
        )
        verdicts = self.score_features(features, by_class)
        if is_finite.all():
            return verdicts
        return insert_unscored(verdicts, ids, is_finite, "its features are not finite")

    def score_readable(
        self, features: Features | None, ids: list[str], readable: np.ndarray, by_class: bool = False
    ) -> Verdicts:
        """Score the features of the readable images, and give the others NaN and an error.

        Args:
            features: features of the readable images, or None if there are none.
            ids: N ids of all images.
            readable: (N,) bool, which images are readable.
            by_class: whether p-values are computed within the predicted class.
        """
        verdicts = self.score_features(self._empty_features() if features is None else features, by_class)
        return verdicts if readable.all() else insert_unscored(verdicts, ids, readable, "not readable")

    def score_features(self, features: Features, by_class: bool = False) -> Verdicts:
        """Score features; HeatError if a column is missing or has another dimension than the guard reads."""
        self._require_columns(features)
        n = len(features)
        logits = logits_of(features, self.head)
        predicted = logits.argmax(axis=1)
        prior, residual = hybrid_energies(self.parts, features)
        scores = self.scale.scores(prior + residual, self.lens) if n else np.empty(0)
        calibration = self.calibration
        return Verdicts(
            ids=list(features.ids),
            score=scores,
            p_value=calibration.p_values_by_class(scores, predicted) if by_class else calibration.p_values(scores),
            predicted=predicted,
            confidence=softmax(logits, axis=1).max(axis=1),
            prior=prior,
            residual=residual,
            priors=self.scale.priors,
            class_names=self.class_names,
            error=[""] * n,
        )

    @property
    def _column_dims(self) -> dict[str, int | None]:
        """Columns that the guard reads: name → dimension, or None if it is not known."""
        return {"avg": self.head[0].shape[1]} | {part.view.column: part.dim for part in self.parts}

    def _empty_features(self) -> Features:
        """Make the features of zero images."""
        columns = {name: np.empty((0, dim or 0), np.float32) for name, dim in self._column_dims.items()}
        return Features(columns.pop("avg"), columns.pop("std", None), None, [], extra=columns)

    def _require_columns(self, features: Features) -> None:
        for name, dim in self._column_dims.items():
            column, argument = features.pooled_column(name), _ARGUMENTS[name]
            if column is None:
                prior = next(part.name for part in self.parts if part.view.column == name)
                raise HeatError(f"{prior_title(prior)} reads {argument}, which is missing: pass it together with avg.")
            if dim is not None and column.shape[1] != dim:
                raise HeatError(f"{argument} has {column.shape[1]} dimensions, and this guard reads {dim}.")

    def module(self) -> torch.nn.Module:
        """Make the guard one network: (B, 3, H, W) pixels → logits (B, C), score (B,), energies (B, K).

        With a second encoder, its pixels (B, 3, H', W') are a second argument.

        See `GuardModule`.
        """
        return GuardModule(self)


def _require_features(name: str, values: ArrayLike | torch.Tensor) -> np.ndarray:
    """Convert features to an (N, D) array; HeatError with the argument's name if they are none."""
    array = to_array(values)
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise HeatError(f"{name} must be an (N, D) array of numbers, not {array.dtype} {array.shape}.")
    return array


def _open_images(images: ImageInput | Sequence[ImageInput]) -> ImageSet:
    """Open a path (image, folder or manifest), an image that something else holds, or a sequence of these."""
    if isinstance(images, str | os.PathLike):
        return from_files([expand_home(images)])
    is_one = (
        isinstance(images, bytes | bytearray | memoryview | Image.Image | Mapping)
        or is_picture(images)
        or not isinstance(images, Iterable)
    )
    pictures: list[Any] = [images] if is_one or hasattr(images, "read") else list(cast(Iterable[Any], images))
    if not pictures:
        raise HeatError("There are no images: give paths, PIL images, arrays, or a tensor of pixels.")
    names = [printable(p) if isinstance(p, str | os.PathLike) else f"image {i}" for i, p in enumerate(pictures)]
    opener = partial(_read_nth, [to_source(picture) for picture in pictures])
    return ImageSet("images", names, opener, None, [], "")


def _read_nth(sources: Sequence[ImageSource], index: int) -> Image.Image:
    return read_image(sources[index])
