"""The file of a training: whose it is, where it stands until it is finished, and that it can be written at all."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from safetensors.torch import load_file, save

from heat_core.backbones.resnet_recipe import Recipe, Trained, read_trained
from heat_core.backbones.state_dict import Weights
from heat_core.errors import HeatError
from heat_core.storage import file_name, heat_home, is_folder, printable, replacing, writing


def checkpoint_of(out: Path) -> Path:
    """Where the state after the last epoch is kept until the training is finished. It is a weights file too."""
    return out.with_name(f"{out.stem}.partial.safetensors")


def require_place(out: Path) -> None:
    """Refuse a file that cannot be written, before hours of work."""
    if is_folder(out):
        raise HeatError(f"--out is the folder {printable(out)}: name a file in it, {out / 'backbone.safetensors'}.")
    if out.suffix != ".safetensors":
        raise HeatError(f"--out is {printable(out)}: its name must end in .safetensors.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        tempfile.NamedTemporaryFile(dir=out.parent, prefix=f".{checkpoint_of(out).name}.").close()
    except OSError as error:
        raise HeatError(
            f"--out {printable(out)} cannot be written ({error.strerror}): choose another folder or name."
        ) from error


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Hold the lock of a file that is trained; HeatError where another process does."""
    lock = FileLock(heat_home() / "locks" / f"{file_name(str(out.resolve()))}.lock")
    with writing(Path(lock.lock_file)):
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise HeatError(f"Another process trains {printable(out)} now: wait for it, or stop it.") from None
    try:
        yield
    finally:
        lock.release()


def same_training(file: Path, recipe: Recipe, data: str, class_names: list[str]) -> Trained | None:
    """What a file of this very training says; None where there is no file.

    Raises:
        HeatError: where it is of another training, or no such file at all.
    """
    if not file.exists():
        return None
    found = read_trained(file)
    other = ["none of train-backbone"] if found is None else found.differences(recipe, data, class_names)
    if other:
        raise HeatError(
            f"{printable(file)} is of another training ({'; '.join(other)}): move it away, or choose another --out."
        )
    return found


def write_weights(path: Path, state: Weights, made: Trained) -> None:
    content = save({name: values.cpu().contiguous() for name, values in state.items()}, made.metadata())
    with replacing(path) as beside:  # safetensors itself would make a file that nobody else may read
        beside.write_bytes(content)


def write_checkpoint(out: Path, weights: Weights, momentum: Weights, made: Trained) -> None:
    """Keep the state after an epoch."""
    state = {f"model.{name}": values for name, values in weights.items()}
    write_weights(checkpoint_of(out), state | {f"momentum.{name}": v for name, v in momentum.items()}, made)


def read_checkpoint(out: Path) -> tuple[Weights, Weights]:
    """The weights and the momentum of `write_checkpoint`, by the network's own names."""
    state = load_file(checkpoint_of(out))
    weights, momentum = (
        {name.removeprefix(before): values for name, values in state.items() if name.startswith(before)}
        for before in ("model.", "momentum.")
    )
    return weights, momentum
