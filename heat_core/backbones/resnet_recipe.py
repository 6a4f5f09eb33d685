"""Recipe and record of a network trained by `train-backbone`, which its weights file holds as metadata."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import expand_home, is_file

PRECISIONS = ("auto", "fp32", "bf16")
_KEY = "heat_backbone"  # key of the file's metadata
_FORMAT = 1


@dataclass(frozen=True)
class TrainingRecipe:
    """Settings by which a network is built and trained.

    Attributes:
        architecture: timm's name of a ResNet, without a tag.
        width: factor of its channels (64, 128, 256, 512) and of those of its stem; a multiple of 1/8, at most 8.
        image_size: side of the input in pixels.
        epochs: passes over the training images.
        batch_size: images per step.
        lr: highest learning rate.
        weight_decay: weight decay of all parameters.
        label_smoothing: share of a label that is spread over all classes.
        precision: precision of matrix products: fp32, bf16, or auto for the one that is faster on this machine.
        seed: seed of the first weights, of the order of the images and of their augmentation.
        initial_weights: file of an earlier training whose weights are the first ones; "" = random weights. In a record,
            the digest of the file.
    """

    architecture: str
    width: float = 1.0
    image_size: int = 32
    epochs: int = 20
    batch_size: int = 256
    lr: float = 0.2
    weight_decay: float = 5e-4
    label_smoothing: float = 0.0
    precision: str = "auto"
    seed: int = 0
    initial_weights: str = ""

    def validate(self) -> None:
        """Refuse values outside their ranges.

        Raises:
            HeatError: naming the value and its range.
        """
        rules = (
            (0 < self.width <= 8 and (8 * self.width).is_integer(), "width", "a multiple of 0.125 up to 8"),
            (self.image_size >= 8, "image size", "at least 8 pixels"),
            (self.epochs >= 1, "number of epochs", "at least 1"),
            (self.batch_size >= 2, "batch size", "at least 2"),
            (self.lr > 0 and math.isfinite(self.lr), "learning rate", "above 0"),
            (self.weight_decay >= 0 and math.isfinite(self.weight_decay), "weight decay", "at least 0"),
            (0 <= self.label_smoothing < 1, "label smoothing", "at least 0 and below 1"),
            (self.precision in PRECISIONS, "precision", f"one of {', '.join(PRECISIONS)}"),
            (0 <= self.seed < 2**63, "seed", "between 0 and 2^63 - 1"),
        )
        for is_valid, name, rule in rules:
            if not is_valid:
                raise HeatError(f"The {name} must be {rule}.")


@dataclass(frozen=True)
class TrainingRecord:
    """Description of a network that was trained, completely or in part.

    Attributes:
        recipe: settings of the training.
        class_names: names of the network's outputs, in their order.
        mean: means of red, green and blue, subtracted from pixels in [0, 1].
        std: standard deviations by which the difference is divided.
        data: digest of the training images.
        precision: precision that was used: fp32 or bf16.
        epochs_done: number of finished epochs.
        test_accuracy: share of the test images that the stored weights classify correctly; None before the end.
        test_images: number of the test images.
    """

    recipe: TrainingRecipe
    class_names: list[str]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    data: str
    precision: str
    epochs_done: int = 0
    test_accuracy: float | None = None
    test_images: int = 0

    def metadata(self) -> dict[str, str]:
        """Return the record as metadata of a safetensors file, for `read_training_record`."""
        content = {"format": _FORMAT} | asdict(self)
        if not self.recipe.initial_weights:
            del content["recipe"]["initial_weights"]  # which earlier versions do not know
        return {_KEY: json.dumps(content)}

    def differences(self, recipe: TrainingRecipe, data: str, class_names: Sequence[str]) -> list[str]:
        """List in words how another training differs; empty where it would give the same network."""
        own, given = asdict(self.recipe), asdict(recipe)
        has_other_start = own.pop("initial_weights") != given.pop("initial_weights")
        differences = [f"{key.replace('_', ' ')} {own[key]}, not {given[key]}" for key in own if own[key] != given[key]]
        if has_other_start:
            differences.append("other initial weights")
        if self.data != data or self.class_names != list(class_names):
            differences.append("other training images")
        return differences

    def require_architecture(self, name: str, file: str) -> None:
        """Refuse a backbone's name that does not match the file's network."""
        architecture, classes = self.recipe.architecture, len(self.class_names)
        if name.partition(".")[0] not in (architecture, f"{architecture}_cifar{classes}"):
            raise HeatError(
                f"The weights in {printable(file)} are of a {architecture} of width {self.recipe.width:g} with "
                f"{classes} classes, which train-backbone made, not of {name}: choose the backbone {architecture}."
            )


def read_training_record(path: str | Path) -> TrainingRecord | None:
    """Read the training record of a weights file; None where it has none or is no safetensors file.

    Raises:
        HeatError: where the record is damaged or of another version.
    """
    file = expand_home(path)
    if not is_file(file):
        return None
    try:
        with safe_open(file, framework="np") as content:
            text = (content.metadata() or {}).get(_KEY)
    except (SafetensorError, OSError):
        return None
    return None if text is None else _parse_record(text, file)


def _parse_record(text: str, file: Path) -> TrainingRecord:
    try:
        values = json.loads(text)
        if values["format"] != _FORMAT:
            raise HeatError(f"{printable(file)} was made by another version of heat_core: train the backbone again.")
        record = TrainingRecord(**{f.name: values[f.name] for f in fields(TrainingRecord)})
        record = replace(
            record,
            recipe=TrainingRecipe(**values["recipe"]),
            mean=_rgb_triple(values["mean"]),
            std=_rgb_triple(values["std"]),
        )
        if not all(isinstance(name, str) for name in record.class_names):
            raise ValueError
        record.recipe.validate()
    except HeatError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise HeatError(f"The training record in {printable(file)} is damaged: get the file again.") from error
    return record


def _rgb_triple(values: Any) -> tuple[float, ...]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
