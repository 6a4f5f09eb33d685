"""Weights files: read without executing code, stripped of the prefixes of training code, and loaded completely.

Weights whose names fit may still belong to another network: to a deeper one, or to one with more layers in every block.
A network loaded without the rest would give wrong outputs, so that such weights are refused.
"""

import argparse
import pickle
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from heat_core.backbones.quick_checks import is_safetensors, require_file
from heat_core.errors import HeatError
from heat_core.names import printable, shortlist
from heat_core.storage import expand_home, permission_error

Weights = dict[str, torch.Tensor]

# Keys of the weights in timm's checkpoints; the averaged weights come first.
_STATE_KEYS = ("state_dict_ema", "model_ema", "state_dict", "model")
# Prefixes that training code puts before every key.
_KNOWN_PREFIXES = ("module.", "_orig_mod.", "encoder.", "backbone.", "model.")
# Last parts of keys of values that are not learned: counters, and values computed from the shape of the input.
_NOT_LEARNED = ("num_batches_tracked", "total_ops", "total_params", "attn_mask", "relative_coords_table", "inv_freq")


def read_weights(path: str) -> Weights:
    """Read every tensor of a file by its name; names in nested dictionaries are joined by dots.

    Raises:
        HeatError: where there is no such file, or it cannot be read without executing code.
    """
    file = expand_home(path)
    require_file(file, "weights file")
    try:
        if file.suffix == ".safetensors" or is_safetensors(file):
            return dict(load_file(file, device="cpu"))
        with torch.serialization.safe_globals([argparse.Namespace]):  # of scripts that save their options
            content = torch.load(file, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise permission_error(file, error) from error
    except pickle.UnpicklingError as error:
        raise HeatError(
            f"{printable(file)} is not a weights file that can be read safely{_describe_unsafe_code(file)}: save the "
            "network's state_dict() alone, as safetensors or with torch.save."
        ) from error
    except Exception as error:  # safetensors, zip and unpickling errors
        raise HeatError(
            f"{printable(file)} is not a weights file that can be read safely (safetensors, or torch tensors without "
            f"pickled code): {first_line(error)}."
        ) from error
    if not isinstance(content, dict):
        raise HeatError(f"{printable(file)} holds no tensors by their names: save the network's state_dict().")
    return dict(_flatten_tensors(next((content[k] for k in _STATE_KEYS if isinstance(content.get(k), dict)), content)))


def _describe_unsafe_code(file: Path) -> str:
    """List in brackets the code that a torch file would execute; "" where that cannot be determined."""
    with suppress(Exception):  # the file may be damaged
        if names := sorted(torch.serialization.get_unsafe_globals_in_checkpoint(file)):
            return f" (it would run {shortlist(names, 3)})"
    return ""


def _flatten_tensors(content: dict[Any, Any], prefix: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    for key, value in content.items():
        if isinstance(key, str) and isinstance(value, torch.Tensor):
            yield f"{prefix}{key}", value
        elif isinstance(key, str) and isinstance(value, dict):
            yield from _flatten_tensors(value, f"{prefix}{key}.")


def strip_prefixes(state: Weights, model: Any, source: str) -> Weights:
    """Remove the prefixes that training code put before the network's own keys.

    Raises:
        HeatError: where the weights hold the network more than once, with different values.
    """
    own = set(model.state_dict())
    count: dict[str, int] = {}
    for key in state:
        for prefix in (key[:i] for i in range(len(key)) if i == 0 or key[i - 1] == "."):
            if key[len(prefix) :] in own:
                count[prefix] = count.get(prefix, 0) + 1
    most_matches = max(count.values(), default=0)
    if 2 * most_matches < len(own):  # the keys may have other names, which timm translates
        return _strip_known_prefixes(state, own)
    candidates = [_remove_prefix(state, prefix) for prefix, n in count.items() if n == most_matches]
    if any(not _are_equal(candidates[0], candidate, own) for candidate in candidates[1:]):
        prefixes = " and ".join(repr(prefix) for prefix, n in count.items() if n == most_matches)
        raise HeatError(
            f"The weights in {printable(source)} hold the network more than once, under {printable(prefixes)}: save "
            "the one that you mean in a file of its own."
        )
    return candidates[0]


def _strip_known_prefixes(state: Weights, own: set[str]) -> Weights:
    while not own & set(state):
        prefix = next((p for p in _KNOWN_PREFIXES if any(k.startswith(p) for k in state)), None)
        if prefix is None:
            return state
        state = _remove_prefix(state, prefix)
    return state


def _remove_prefix(state: Weights, prefix: str) -> Weights:
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def _are_equal(a: Weights, b: Weights, own: set[str]) -> bool:
    return all(key in a and key in b and torch.equal(a[key], b[key]) for key in own & (set(a) | set(b)))


def load_weights(model: Any, state: Weights, name: str, source: str, classifiers: list[str]) -> None:
    """Load weights into a network; where they lack a classifier `fc`, the network's classifier is removed.

    Raises:
        HeatError: where they belong to another network, or are not finite.
    """
    own = model.state_dict()
    if "fc.weight" in own and "fc.weight" not in state and hasattr(model, "fc"):  # self-supervised
        model.reset_classifier(0)
        own = model.state_dict()
    misshapen = [k for k, v in state.items() if k in own and v.shape != own[k].shape]
    missing = [k for k in own if k not in state and not k.endswith("num_batches_tracked")]
    unexpected = [] if misshapen or missing else _unexpected_keys(state, own, classifiers)
    if misshapen or missing or unexpected:
        example = (misshapen + missing + unexpected)[0]
        what = "has another shape" if misshapen else "is missing" if missing else "is not part of it"
        raise HeatError(
            f"The weights in {printable(source)} do not fit {name} ({printable(example)} {what}): choose the backbone "
            "that they were trained for."
        )
    model.load_state_dict({k: v for k, v in state.items() if k in own}, strict=False)
    if not all(torch.isfinite(values).all() for values in model.state_dict().values() if values.is_floating_point()):
        raise HeatError(f"The weights in {printable(source)} hold NaN or infinite values: get the file again.")


def _unexpected_keys(state: Weights, own: Weights, classifiers: list[str]) -> list[str]:
    """List keys of learned values that belong to a part of the network but that it does not have.

    Values beside its parts (a projector, a decoder) and those of its classifier are ignored, since they change no
    feature.
    """
    parts = {key.split(".")[0] for key in own} - {name.split(".")[0] for name in classifiers}
    return [
        key
        for key, value in state.items()
        if key not in own
        and key.split(".")[0] in parts
        and value.is_floating_point()
        and not key.endswith(_NOT_LEARNED)
        and "freqs" not in key
    ]


def first_line(error: Exception) -> str:
    """Return the first line of another library's error message, without its period."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
