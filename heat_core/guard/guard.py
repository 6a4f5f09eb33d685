"""Guard: everything that scoring images needs of a run, and nothing that only training or looking back needs."""

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
from heat_core.guard.conformal import USUAL_ALPHA, benjamini_hochberg
from heat_core.guard.file import load_guard, save_guard
from heat_core.guard.module import GuardModule
from heat_core.guard.state import GuardState
from heat_core.metrics import require_alpha
from heat_core.names import printable
from heat_core.storage import expand_home

ImageInput = str | Path | Image.Image
NO_CLASS = -1


@dataclass(frozen=True)
class Verdicts:
    """What a guard says of N images, in the order in which they were given.

    Attributes:
        ids: their paths, or `image 0` and so on.
        score: (N,) of HEAT, larger = more out-of-distribution; NaN where there is none.
        p_value: (N,) conformal: the share of known images that would look at least as unusual; NaN as above.
        predicted: (N,) number of the class that the classifier sees; -1 where there is none.
        confidence: (N,) the softmax probability of it; NaN as above.
        prior: (N, K) E_q / T of each part.
        residual: (N, K) E_θ of each part.
        priors: the K names.
        class_names: of the classifier.
        error: why an image has no score; empty for the others.
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
        """Each part's hybrid energy E_q / T + E_θ (Eq. 2): prior → (N,)."""
        return dict(zip(self.priors, (self.prior + self.residual).T, strict=True))

    @property
    def predicted_class(self) -> list[str]:
        """The name of the class that the classifier sees; empty where there is none."""
        return ["" if c == NO_CLASS else self.class_names[c] for c in self.predicted]

    def unknown(self, alpha: float = USUAL_ALPHA) -> np.ndarray:
        """(N,) bool: p ≤ α. Of known images a share of at most α is called unknown."""
        with np.errstate(invalid="ignore"):
            return self.p_value <= require_alpha(alpha)

    def discoveries(self, rate: float = USUAL_ALPHA) -> np.ndarray:
        """(N,) bool: the unknown ones among these N so that a share of at most `rate` of them is expected to be known
        (see `benjamini_hochberg`)."""
        return benjamini_hochberg(self.p_value, rate)


class Guard(GuardState):
    """A detector that scores images without its run.

    Args:
        name: of the run.
        network: which network its features come from; None where they were given.
        head: (weight, bias) over the classes.
        parts: the corrected priors, in the order of `scale.priors`.
        scale: of their hybrid energies.
        lens: how they are composed.
        class_names: of the classifier.
        calibration: scores of known images that nothing was fitted on.
        calibration_note: what one should know of the calibration.
    """

    @classmethod
    def load(cls, path: str | Path, weights: str | Path | None = None, backbone: Backbone | None = None) -> "Guard":
        """Read a guard that was packed.

        Args:
            path: of the file.
            weights: file of the network's weights, where it lies elsewhere than when the guard was packed.
            backbone: the network itself, for one that no file holds.

        Raises:
            HeatError: where the file is missing, damaged, of another format or no guard, or the network another.
        """
        return cls(**vars(load_guard(expand_home(path), weights, backbone)))

    def save(self, path: str | Path, with_weights: bool = False) -> None:
        """Write the guard into one file; with the network's weights, where they shall travel with it."""
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
            images: an image file, a folder or a manifest; image files and PIL images; a set that was opened; or
                (N, 3, H, W) pixels, as `guard.backbone.transform` makes them.
            batch_size: images at a time; default: as the device likes.
            on_progress: receives a record after every batch.
            by_class: whether p-values are taken within the predicted class.

        Raises:
            HeatError: where none is given. One that cannot be read keeps its place, with NaN and its error.
        """
        backbone = self.backbone
        if isinstance(images, torch.Tensor):
            return self.score_features(extract_pixels(backbone, images, batch_size), by_class)
        image_set = images if isinstance(images, ImageSet) else _open_images(images)
        features, readable = extract_in_memory(backbone, image_set, batch_size, on_progress=on_progress)
        return self.score_readable(features, image_set.ids, readable, by_class)

    def of_features(self, avg: np.ndarray, std: np.ndarray | None = None, by_class: bool = False) -> Verdicts:
        """Score features that a network made: avg (N, D), what its head reads; std (N, D'), of its volume's positions.

        Raises:
            HeatError: where they have other dimensions than the run's, or std is missing. A row that is not finite gets
                an error in place of a score.
        """
        avg, std = np.asarray(avg), None if std is None else np.asarray(std)
        for name, values in (("avg", avg), ("std", std)):
            if values is not None and (values.ndim != 2 or values.dtype.kind not in "fiu"):
                raise HeatError(f"{name} must be an (N, D) array of numbers, not {values.dtype} {values.shape}.")
        if std is not None and len(std) != len(avg):
            raise HeatError(f"avg has {len(avg)} rows and std {len(std)}: give one row an image in each.")
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
        """Score the features of readable images (None where none is), each at its place among all of them."""
        verdicts = self.score_features(self._empty_features() if features is None else features, by_class)
        return verdicts if readable.all() else _insert_unscored(verdicts, ids, readable, "not readable")

    def score_features(self, features: Features, by_class: bool = False) -> Verdicts:
        """Score features."""
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
        """Column that it reads → its dimensions, where they are known."""
        return {"avg": self.head[0].shape[1]} | {part.view.column: part.dim for part in self.parts}

    def _empty_features(self) -> Features:
        """Of no images."""
        columns = {name: np.empty((0, dim or 0), np.float32) for name, dim in self._column_dims.items()}
        return Features(columns["avg"], columns.get("std"), None, [])

    def _require_columns(self, features: Features) -> None:
        for name, dim in self._column_dims.items():
            column = getattr(features, name)
            if column is None:
                prior = next(part.name for part in self.parts if part.view.column == name)
                raise HeatError(f"{PRIOR_TITLES[prior]} reads {name}, which is missing: give it beside avg.")
            if dim is not None and column.shape[1] != dim:
                raise HeatError(f"{name} has {column.shape[1]} dimensions, and this guard reads {dim}.")

    def module(self) -> torch.nn.Module:
        """The guard as one network: (B, 3, H, W) pixels → logits (B, C), score (B,), energies (B, K); see
        `GuardModule`."""
        return GuardModule(self)


def _open_images(images: ImageInput | Sequence[ImageInput]) -> ImageSet:
    """Images by what a caller has of them; a folder or a manifest is opened."""
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
    """The verdicts of the scored images among all; the others have none, and the reason as their error."""
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
