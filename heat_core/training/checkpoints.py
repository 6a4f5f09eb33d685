"""Files of a training: its weights, its checkpoint until it is finished, and the checks before they are written."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors.torch import load_file, save

from heat_core.backbones.resnet_recipe import TrainingRecipe, TrainingRecord, read_training_record
from heat_core.backbones.state_dict import Weights
from heat_core.errors import HeatError
from heat_core.locks import exclusive
from heat_core.names import file_name, printable
from heat_core.storage import heat_home, is_folder, replacing


def checkpoint_path(out: Path) -> Path:
    """Return the path of the state after the last epoch, which exists until the training is finished.

    The checkpoint has the form of a weights file.
    """
    return out.with_name(f"{out.stem}.partial.safetensors")


def require_writable(out: Path) -> None:
    """Refuse a file that cannot be written, before hours of work.

    Raises:
        HeatError: where the path is a folder, does not end in .safetensors, or cannot be written.
    """
    if is_folder(out):
        raise HeatError(f"--out is the folder {printable(out)}: name a file in it, {out / 'backbone.safetensors'}.")
    if out.suffix != ".safetensors":
        raise HeatError(f"--out is {printable(out)}: its name must end in .safetensors.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        tempfile.NamedTemporaryFile(dir=out.parent, prefix=f".{checkpoint_path(out).name}.").close()
    except OSError as error:
        raise HeatError(
            f"--out {printable(out)} cannot be written ({error.strerror}): choose another folder or name."
        ) from error


@contextmanager
def lock_training(out: Path) -> Iterator[None]:
    """Hold the lock of a file that is being trained.

    Raises:
        HeatError: where another process holds it.
    """
    path = heat_home() / "locks" / f"{file_name(str(out.resolve()))}.lock"
    message = f"Another process trains {printable(out)} now: wait for it, or stop it."
    with exclusive(path, message, timeout=0):
        yield


def read_matching_record(
    file: Path, recipe: TrainingRecipe, data: str, class_names: list[str]
) -> TrainingRecord | None:
    """Read the record of a file of this training; None where there is no file.

    Raises:
        HeatError: where the file belongs to another training, or was not made by `train-backbone`.
    """
    if not file.exists():
        return None
    record = read_training_record(file)
    differences = (
        ["train-backbone did not make it"] if record is None else record.differences(recipe, data, class_names)
    )
    if differences:
        raise HeatError(
            f"{printable(file)} is of another training ({'; '.join(differences)}): move it away, or choose "
            "another --out."
        )
    return record


def write_weights(path: Path, state: Weights, record: TrainingRecord) -> None:
    """Write tensors and a training record to a safetensors file, completely or not at all."""
    content = save({name: values.cpu().contiguous() for name, values in state.items()}, record.metadata())
    with replacing(path) as temp_path:  # safetensors itself would make a file that other users cannot read
        temp_path.write_bytes(content)


def write_checkpoint(out: Path, weights: Weights, momentum: Weights, record: TrainingRecord) -> None:
    """Write weights, momentum and record after an epoch."""
    state = {f"model.{name}": values for name, values in weights.items()}
    write_weights(checkpoint_path(out), state | {f"momentum.{name}": v for name, v in momentum.items()}, record)


def read_checkpoint(out: Path) -> tuple[Weights, Weights]:
    """Read the weights and the momentum of `write_checkpoint`, under the network's own names."""
    state = load_file(checkpoint_path(out))
    weights, momentum = (
        {name.removeprefix(prefix): values for name, values in state.items() if name.startswith(prefix)}
        for prefix in ("model.", "momentum.")
    )
    return weights, momentum
