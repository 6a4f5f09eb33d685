"""How the networks of a run can be trained on the classes that decisions changed."""

import shlex
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path

from heat_core.backbones.resnet_recipe import TrainingRecipe, TrainingRecord, read_training_record
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.runs.experiment import Experiment

_OTHERWISE = ("architecture", "initial_weights")  # fields of a recipe that the command has from elsewhere


@dataclass(frozen=True)
class Retraining:
    """How the networks of a run learn classes that changed.

    Attributes:
        sentences: what is said of each network.
        commands: commands that continue the training of networks, to be shown as they are.
    """

    sentences: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()


def plan_retraining(following: Experiment, has_test_classes: bool = True) -> Retraining:
    """Say of each network of a run how it learns classes that changed, since a run leaves its networks as they are.

    Args:
        following: settings of the run on the changed classes.
        has_test_classes: whether each of its ID test images has a class, without which no network is trained.
    """
    sentences, commands = [], []
    first = (following.backbone, following.weights)
    second = (following.second_backbone or "", following.second_weights)
    for backbone, weights in (first, second):
        record = _read_record(weights)
        if record and not has_test_classes:
            sentences.append(
                f"{printable(backbone)} itself stays as it is. There is no command that continues its training, since "
                "train-backbone measures the accuracy on the ID test set, which has no classes."
            )
        elif record:
            commands.append(printable(shlex.join(_training_words(record, str(weights), following))))
            sentences.append(
                f"{printable(backbone)} itself stays as it is. The command train-backbone for "
                f"{printable(Path(str(weights)).name)} continues its training on the new list, and the file that it "
                "writes can then be named as the weights."
            )
        elif (backbone, weights) == first:
            sentences.append(
                f"{printable(backbone)} itself stays as it is, with a head that is fitted anew where a class is new. "
                "Train it elsewhere, on the exported decisions, to let it learn them, too."
            )
    return Retraining(tuple(sentences), tuple(commands))


def _read_record(weights: str | None) -> TrainingRecord | None:
    with suppress(HeatError):  # a damaged file is refused when the run starts
        return read_training_record(weights) if weights else None
    return None


def _training_words(record: TrainingRecord, weights: str, following: Experiment) -> list[str]:
    """List the words of the command that continues the training of a network."""
    recipe, file = record.recipe, Path(weights)
    words = ["heat", "train-backbone", "--initial-weights", weights, "--arch", recipe.architecture]
    for option in (field.name for field in fields(TrainingRecipe) if field.name not in _OTHERWISE):
        value = getattr(recipe, option)
        changed = value != getattr(TrainingRecipe, option)
        words += [f"--{option.replace('_', '-')}", str(value)] if changed else []
    words += ["--id", following.id]
    words += ["--id-test", following.id_test] if following.id_test else []
    return [*words, "--out", str(file.with_name(f"{file.stem}-continued.safetensors"))]
