"""Guard: everything from a run that scoring images needs, without what only training or inspecting the run needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.special import softmax

from heat_core.backbones.registry import Backbone
from heat_core.data.datasets import from_files
from heat_core.data.image_io import read_image
from heat_core.data.image_set import ImageSet
from heat_core.energies.names import PRIOR_TITLES
from heat_core.errors import HeatError
from heat_core.features.batches import ExtractionProgress, extract_in_memory, extract_pixels
from heat_core.features.chunks import non_finite_rows
from heat_core.features.features import Features
from heat_core.features.heads import logits_of
from heat_core.guard.conformal import benjamini_hochberg
from heat_core.guard.file import load_guard, save_guard
from heat_core.guard.module import GuardModule
from heat_core.guard.state import GuardState
from heat_core.names import printable
from heat_core.storage import expand_home
from heat_core.thresholds import DEFAULT_ALPHA, require_alpha

ImageInput = str | Path | Image.Image
NO_CLASS = -1  # predicted class of an image without a score


@dataclass(frozen=True)
class Verdicts:
    """Results of a guard for N images, in the order in which they were given.

    Attributes:
        ids: N paths, or `image 0`, `image 1` and so on for images without one.
        score: (N,) OOD scores of HEAT, larger is more out-of-distribution; NaN for an image without a score.
        p_value: (N,) conformal p-values, the share of known images that look at least as unusual; NaN without a score.
        predicted: (N,) number of the predicted class; -1 without a score.
        confidence: (N,) softmax probability of the predicted class; NaN without a score.
        prior: (N, K) energy E_q / T of each prior; NaN without a score.
        residual: (N, K) energy E_θ of each residual; NaN without a score.
        priors: names of the K priors.
        class_names: names of the classifier's classes.
        error: N texts, why an image has no score; empty for the others.
    """

    ids: list[str]
    score: np.ndarray
    p_value: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    prior: np.ndarray
    residual: np.ndarray
    priors: tuple[str, ...]
    class_names: list[str]
    error: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def energies(self) -> dict[str, np.ndarray]:
        """Hybrid energies E_q / T + E_θ (Eq. 2) of the corrected priors: name of the prior → (N,)."""
        return dict(zip(self.priors, (self.prior + self.residual).T, strict=True))

    @property
    def predicted_class(self) -> list[str]:
        """Names of the predicted classes; empty for images without a score."""
        return ["" if c == NO_CLASS else self.class_names[c] for c in self.predicted]

    def unknown(self, alpha: float = DEFAULT_ALPHA) -> np.ndarray:
        """Return (N,) bool, whether p ≤ α; a known image is called unknown with probability at most α."""
        with np.errstate(invalid="ignore"):
            return self.p_value <= require_alpha(alpha)

    def discoveries(self, rate: float = DEFAULT_ALPHA) -> np.ndarray:
        """Return (N,) bool, the discoveries: a share of at most `rate` of them is expected to be known.

        See `benjamini_hochberg`.
        """
        return benjamini_hochberg(self.p_value, rate)


class Guard(GuardState):
    """HEAT detector that scores images without its run.

    Its arguments and attributes are those of `GuardState`.

    Example:
        guard = Guard.load("run.safetensors")
        verdicts = guard("images/")
        verdicts.unknown(alpha=0.05)
    """

    @classmethod
    def load(cls, path: str | Path, weights: str | Path | None = None, backbone: Backbone | None = None) -> "Guard":
        """Load a guard from a file that `save` wrote.

        Args:
            path: path of the file.
            weights: path of the network's weights, if it differs from the one when the guard was packed.
            backbone: the network itself, for networks that no file of weights can restore.

        Raises:
            HeatError: when the file is missing, damaged, no guard, or of another format.
        """
        return cls(**vars(load_guard(expand_home(path), weights, backbone)))

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
            images: path of an image, a folder or a manifest; a sequence of image paths and PIL images; an `ImageSet`;
                or a tensor (N, 3, H, W) of pixels that `guard.backbone.transform` made.
            batch_size: images per batch; default: chosen for the device.
            on_progress: callback that receives a record after every batch.
            by_class: whether p-values are computed within the predicted class.

        Returns:
            The verdicts of all images. An image that cannot be read has NaN in place of a score, and an error.

        Raises:
            HeatError: when no image is given, or the network cannot be loaded or is not the guard's.
        """
        backbone = self.backbone
        if isinstance(images, torch.Tensor):
            return self.score_features(extract_pixels(backbone, images, batch_size), by_class)
        image_set = images if isinstance(images, ImageSet) else _open_images(images)
        features, readable = extract_in_memory(backbone, image_set, batch_size, on_progress=on_progress)
        return self.score_readable(features, image_set.ids, readable, by_class)

    def of_features(self, avg: np.ndarray, std: np.ndarray | None = None, by_class: bool = False) -> Verdicts:
        """Score features that a network computed.

        Args:
            avg: (N, D) features that the network's head reads.
            std: (N, D') standard deviation of the last feature volume over positions; needed if a prior reads it.
            by_class: whether p-values are computed within the predicted class.

        Returns:
            The verdicts of all rows. A row that is not finite has NaN in place of a score, and an error.

        Raises:
            HeatError: when the dimensions are not those of the run, or std is needed and missing.
        """
        avg, std = np.asarray(avg), None if std is None else np.asarray(std)
        for name, values in (("avg", avg), ("std", std)):
            if values is not None and (values.ndim != 2 or values.dtype.kind not in "fiu"):
                raise HeatError(f"{name} must be an (N, D) array of numbers, not {values.dtype} {values.shape}.")
        if std is not None and len(std) != len(avg):
            raise HeatError(f"avg has {len(avg)} rows and std {len(std)}: give one row per image in each.")
        ids, is_finite = [f"image {i}" for i in range(len(avg))], np.ones(len(avg), bool)
        for values in (avg, std):
            if values is not None:
                is_finite[non_finite_rows(values)] = False
        finite_rows = np.flatnonzero(is_finite)
        finite_std = None if std is None else std[finite_rows]
        features = Features(avg[finite_rows], finite_std, None, [ids[i] for i in finite_rows])
        verdicts = self.score_features(features, by_class)
        if is_finite.all():
            return verdicts
        return _insert_unscored(verdicts, ids, is_finite, "its features are not finite")

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
        return verdicts if readable.all() else _insert_unscored(verdicts, ids, readable, "not readable")

    def score_features(self, features: Features, by_class: bool = False) -> Verdicts:
        """Score features; HeatError if a column is missing or has another dimension than the guard reads."""
        self._require_columns(features)
        n, k = len(features), len(self.parts)
        logits = logits_of(features, self.head)
        predicted = logits.argmax(axis=1)
        prior, residual = np.empty((n, k)), np.empty((n, k))
        for i, part in enumerate(self.parts):
            prior[:, i] = part.prior_energy(features) / part.temperature
            residual[:, i] = part.residual_energy(features)
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
        return Features(columns["avg"], columns.get("std"), None, [])

    def _require_columns(self, features: Features) -> None:
        for name, dim in self._column_dims.items():
            column = getattr(features, name)
            if column is None:
                prior = next(part.name for part in self.parts if part.view.column == name)
                raise HeatError(f"{PRIOR_TITLES[prior]} reads {name}, which is missing: pass it together with avg.")
            if dim is not None and column.shape[1] != dim:
                raise HeatError(f"{name} has {column.shape[1]} dimensions, and this guard reads {dim}.")

    def module(self) -> torch.nn.Module:
        """Make the guard one network: (B, 3, H, W) pixels → logits (B, C), score (B,), energies (B, K).

        See `GuardModule`.
        """
        return GuardModule(self)


def _open_images(images: ImageInput | Sequence[ImageInput]) -> ImageSet:
    """Open a path (image, folder or manifest), a PIL image, or a sequence of image paths and PIL images."""
    if isinstance(images, str | Path):
        return from_files([expand_home(images)])
    pictures = [images] if isinstance(images, Image.Image) else list(images)
    if not pictures:
        raise HeatError("There are no images: give paths, PIL images, or a tensor of pixels.")
    for picture in pictures:
        if not isinstance(picture, str | Path | Image.Image):
            raise HeatError(f"An image is a path or a PIL image, not {type(picture).__name__}.")
    names = [f"image {i}" if isinstance(p, Image.Image) else printable(p) for i, p in enumerate(pictures)]
    return ImageSet("images", names, partial(_read_picture, pictures), None, [], "")


def _read_picture(pictures: Sequence[ImageInput], index: int) -> Image.Image:
    picture = pictures[index]
    return picture.convert("RGB") if isinstance(picture, Image.Image) else read_image(expand_home(picture))


def _insert_unscored(verdicts: Verdicts, ids: list[str], is_scored: np.ndarray, reason: str) -> Verdicts:
    """Expand the verdicts of the scored images to all images; the others get NaN and `reason` as their error."""
    rows = np.flatnonzero(is_scored)

    def expand(values: np.ndarray, missing: float) -> np.ndarray:
        whole = np.full((len(ids), *values.shape[1:]), missing, values.dtype)
        whole[rows] = values
        return whole

    errors = [reason] * len(ids)
    for row, error in zip(rows, verdicts.error, strict=True):
        errors[row] = error
    return replace(
        verdicts,
        ids=list(ids),
        score=expand(verdicts.score, np.nan),
        p_value=expand(verdicts.p_value, np.nan),
        predicted=expand(verdicts.predicted, NO_CLASS),
        confidence=expand(verdicts.confidence, np.nan),
        prior=expand(verdicts.prior, np.nan),
        residual=expand(verdicts.residual, np.nan),
        error=errors,
    )
