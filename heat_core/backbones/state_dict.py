"""Weights of a file: read without running code, found in whatever training code put around them, loaded whole.

Weights that fit by their names may still be those of another network: of a deeper one, or of one with more in every
block. A network that left those out would answer, and answer wrongly.
"""

import argparse
import pickle
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from heat_core.errors import HeatError
from heat_core.storage import is_file, is_folder, no_permission, printable, typed

Weights = dict[str, torch.Tensor]

_FIRST = ("state_dict_ema", "model_ema", "state_dict", "model")  # where timm's checkpoints have them, the average first
_WRAPPINGS = ("module.", "_orig_mod.", "encoder.", "backbone.", "model.")  # what training code puts before every key
# Last parts of keys that are no learned values: what is counted, measured, or made again from the shape of the input.
_DERIVED = ("num_batches_tracked", "total_ops", "total_params", "attn_mask", "relative_coords_table", "inv_freq")


def read_weights(path: str) -> Weights:
    """Every tensor of a file by its name; those of dictionaries in dictionaries are joined by dots.

    Raises:
        HeatError: where there is no such file, or none that can be read without running code.
    """
    file = typed(path)
    if not is_file(file):
        what = "is a folder: name the file in it" if is_folder(file) else "does not exist"
        raise HeatError(f"The weights file {printable(file)} {what}.")
    try:
        if file.suffix == ".safetensors":
            return dict(load_file(file, device="cpu"))
        with torch.serialization.safe_globals([argparse.Namespace]):  # training scripts put their options beside
            content = torch.load(file, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise no_permission(file, error) from error
    except pickle.UnpicklingError as error:
        raise HeatError(
            f"{printable(file)} is not a weights file that can be read safely{_code_in(file)}: save the network's "
            "state_dict() alone, as safetensors or with torch.save."
        ) from error
    except Exception as error:  # safetensors, zip and unpickling errors
        raise HeatError(
            f"{printable(file)} is not a weights file that can be read safely (safetensors, or torch tensors without "
            f"pickled code): {first_line(error)}."
        ) from error
    if not isinstance(content, dict):
        raise HeatError(f"{printable(file)} holds no tensors by their names: save the network's state_dict().")
    return dict(_tensors(next((content[k] for k in _FIRST if isinstance(content.get(k), dict)), content)))


def _code_in(file: Path) -> str:
    """What a torch file would run, in brackets; empty where that cannot be known."""
    with suppress(Exception):  # of a file that is damaged
        if names := sorted(torch.serialization.get_unsafe_globals_in_checkpoint(file)):
            return f" (it would run {', '.join(names[:3])}{' …' if len(names) > 3 else ''})"
    return ""


def _tensors(content: dict[Any, Any], before: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    for key, value in content.items():
        if isinstance(key, str) and isinstance(value, torch.Tensor):
            yield f"{before}{key}", value
        elif isinstance(key, str) and isinstance(value, dict):
            yield from _tensors(value, f"{before}{key}.")


def unwrapped(state: Weights, model: Any, source: str) -> Weights:
    """The same tensors without what training code put before the network's own keys.

    Raises:
        HeatError: where the network is in there more than once, with other values.
    """
    own = set(model.state_dict())
    count: dict[str, int] = {}
    for key in state:
        for before in (key[:i] for i in range(len(key)) if i == 0 or key[i - 1] == "."):
            if key[len(before) :] in own:
                count[before] = count.get(before, 0) + 1
    best = max(count.values(), default=0)
    if 2 * best < len(own):  # perhaps under other names, which timm translates
        return _without_usual_wrappings(state, own)
    found = [_after(state, before) for before, n in count.items() if n == best]
    if any(not _equal(found[0], other, own) for other in found[1:]):
        named = " and ".join(repr(before) for before, n in count.items() if n == best)
        raise HeatError(
            f"The weights in {printable(source)} hold the network more than once, under {printable(named)}: save the "
            "one that you mean in a file of its own."
        )
    return found[0]


def _without_usual_wrappings(state: Weights, own: set[str]) -> Weights:
    while not own & set(state):
        wrapped = next((w for w in _WRAPPINGS if any(k.startswith(w) for k in state)), None)
        if wrapped is None:
            return state
        state = _after(state, wrapped)
    return state


def _after(state: Weights, before: str) -> Weights:
    return {key.removeprefix(before): value for key, value in state.items() if key.startswith(before)}


def _equal(a: Weights, b: Weights, own: set[str]) -> bool:
    return all(key in a and key in b and torch.equal(a[key], b[key]) for key in own & (set(a) | set(b)))


def load_into(model: Any, state: Weights, name: str, source: str, classifiers: list[str]) -> None:
    """Give a network its weights; without a classifier it becomes one without.

    Raises:
        HeatError: where they are another network's, or not finite.
    """
    own = model.state_dict()
    if "fc.weight" in own and "fc.weight" not in state and hasattr(model, "fc"):  # self-supervised: no classifier
        model.reset_classifier(0)
        own = model.state_dict()
    misshapen = [k for k, v in state.items() if k in own and v.shape != own[k].shape]
    missing = [k for k in own if k not in state and not k.endswith("num_batches_tracked")]
    foreign = [] if misshapen or missing else _foreign(state, own, classifiers)
    if misshapen or missing or foreign:
        example = (misshapen + missing + foreign)[0]
        what = "has another shape" if misshapen else "is missing" if missing else "has no place there"
        raise HeatError(
            f"The weights in {printable(source)} do not fit {name} ({printable(example)} {what}): choose the backbone "
            "that they were trained for."
        )
    model.load_state_dict({k: v for k, v in state.items() if k in own}, strict=False)
    if not all(torch.isfinite(values).all() for values in model.state_dict().values() if values.is_floating_point()):
        raise HeatError(f"The weights in {printable(source)} hold NaN or infinite values: get the file again.")


def _foreign(state: Weights, own: Weights, classifiers: list[str]) -> list[str]:
    """Learned values for which a part of the network has no place. What lies beside its parts (a projector, a decoder)
    and what stands in for its classifier are left out without harm."""
    parts = {key.split(".")[0] for key in own} - {name.split(".")[0] for name in classifiers}
    return [
        key
        for key, value in state.items()
        if key not in own
        and key.split(".")[0] in parts
        and value.is_floating_point()
        and not key.endswith(_DERIVED)
        and "freqs" not in key
    ]


def first_line(error: Exception) -> str:
    """What an error of somebody else's says, in short."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
