"""Weights of an earlier training, from which another one begins."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from heat_core.backbones.quick_checks import require_file
from heat_core.backbones.resnet_recipe import TrainingRecipe, TrainingRecord, read_training_record
from heat_core.backbones.timm_models import build_network
from heat_core.digests import digest_of_file
from heat_core.errors import HeatError
from heat_core.names import printable, shortlist
from heat_core.storage import expand_home

_LAST_LAYER = ("fc.weight", "fc.bias")  # one row a class


@dataclass(frozen=True)
class InitialWeights:
    """Network of an earlier training.

    Attributes:
        file: its file.
        digest: digest of the file.
        record: record of its training.
        network: the network.
        image_size: side of the input in pixels, of the training that begins.
    """

    file: Path
    digest: str
    record: TrainingRecord
    network: nn.Module
    image_size: int

    def copy_to(self, network: nn.Module, class_names: Sequence[str]) -> str:
        """Copy the weights to a network of the same recipe.

        Of the last layer, the rows of classes that both networks have are copied; those of new classes stay as they
        are. Running means and variances are copied, too.

        Args:
            network: network whose outputs are the classes.
            class_names: names of the classes, in the order of the outputs.

        Returns:
            A sentence that counts the classes that were taken over, that are new, and that are no longer there, and
            names another size of the images.
        """
        earlier_row = {name: row for row, name in enumerate(self.record.class_names)}
        state, fresh = self.network.state_dict(), network.state_dict()
        for key in _LAST_LAYER:
            rows = fresh[key].clone()
            for row, name in enumerate(class_names):
                if name in earlier_row:
                    rows[row] = state[key][earlier_row[name]]
            state[key] = rows
        network.load_state_dict(state)
        return self._describe(class_names)

    def _describe(self, class_names: Sequence[str]) -> str:
        earlier = set(self.record.class_names)
        groups = {
            "taken over": [name for name in class_names if name in earlier],
            "new": [name for name in class_names if name not in earlier],
            "no longer there": [name for name in self.record.class_names if name not in set(class_names)],
        }
        counts = [f"{what}: {_count(names)}" for what, names in groups.items()]
        size = self.record.recipe.image_size
        other = f", whose images had a side of {size} pixels, not {self.image_size}" if size != self.image_size else ""
        return f"The training begins from {printable(self.file)}{other}. Classes {'; '.join(counts)}."


def _count(names: list[str]) -> str:
    return f"{len(names):,} ({printable(shortlist(names, 3))})" if names else "0"


def read_initial_weights(recipe: TrainingRecipe) -> InitialWeights:
    """Read the network from which a training begins.

    Args:
        recipe: settings of the training, with the path of the file.

    Raises:
        HeatError: where there is no such file, `train-backbone` did not make it, its training has not ended, or its
            network has another architecture or width.
    """
    file = expand_home(recipe.initial_weights)
    require_file(file, "weights file")
    record = read_training_record(file)
    if record is None:
        raise HeatError(
            f"{printable(file)} was not made by train-backbone: begin from a file that it wrote, or leave the initial "
            "weights out."
        )
    if record.test_accuracy is None:
        raise HeatError(
            f"{printable(file)} is the checkpoint of a training that has not ended: let this training end, and begin "
            "from the file that it writes then."
        )
    earlier = record.recipe
    if (earlier.architecture, earlier.width) != (recipe.architecture, recipe.width):
        raise HeatError(
            f"The weights in {printable(file)} are of a {earlier.architecture} of width {earlier.width:g}, not of a "
            f"{recipe.architecture} of width {recipe.width:g}: train the same network (--arch {earlier.architecture} "
            f"--width {earlier.width:g}), or leave the initial weights out."
        )
    network, _ = build_network(earlier.architecture, str(file), None)
    return InitialWeights(file, digest_of_file(file), record, network, recipe.image_size)
