"""A guard as one file: safetensors, whose header holds the rest as JSON. Nothing in it is code."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from heat_core.backbones.registry import Backbone
from heat_core.composition import Lens, Scale
from heat_core.energies.heat import CorrectedPrior, without_scale
from heat_core.energies.priors import KINDS, packed, unpacked
from heat_core.energies.priors.base import Constants
from heat_core.energies.residual import ResidualMLP
from heat_core.errors import HeatError
from heat_core.guard.conformal import Calibration
from heat_core.guard.network import Network
from heat_core.guard.state import GuardState
from heat_core.storage import digest_of_arrays, printable, replacing
from heat_core.version import __version__

FORMAT = 1  # raise it when a reader of this format would misread what is written
_KEY = "heat_guard"  # of the header's metadata
_WEIGHTS = "network/weights"
Arrays = dict[str, np.ndarray]


def save_guard(guard: GuardState, path: Path, with_weights: bool = False) -> None:
    """Write a guard, whole or not at all; see `Guard.save`."""
    header, arrays = _header(guard), _arrays(guard)
    if with_weights:
        if guard.network is None:
            raise HeatError(f"{guard.name} was made from features: there are no weights to pack.")
        arrays[_WEIGHTS] = np.frombuffer(guard.network.as_bytes(), dtype=np.uint8)
    header["digest"] = _digest(header, arrays)
    with replacing(path) as beside:
        save_file(arrays, beside, metadata={_KEY: json.dumps(header)})


def fingerprint_of(guard: GuardState) -> str:
    """What tells it from every guard that scores in another way."""
    return _digest(_header(guard), _arrays(guard))


def _arrays(guard: GuardState) -> Arrays:
    arrays: Arrays = {
        "head/weight": np.ascontiguousarray(guard.head[0], np.float32),
        "head/bias": np.ascontiguousarray(guard.head[1], np.float64),
        "scale/mean": np.ascontiguousarray(guard.scale.mean, np.float64),
        "scale/std": np.ascontiguousarray(guard.scale.std, np.float64),
        "calibration/scores": np.ascontiguousarray(guard.calibration.scores, np.float64),
        "calibration/classes": np.ascontiguousarray(guard.calibration.predicted, np.int32),
    }
    for part in guard.parts:
        assert part.residual is not None
        arrays |= {f"{part.name}/prior/{k}": v for k, v in packed(part.prior).items()}
        arrays |= {f"{part.name}/residual/{k}": v.numpy() for k, v in part.residual.state_dict().items()}
    return arrays


def load_guard(path: Path, weights: str | Path | None = None, backbone: Backbone | None = None) -> GuardState:
    """Read a guard; see `Guard.load`."""
    header, arrays = _read(path)
    try:
        return _guard(header, arrays, None if weights is None else str(weights), backbone)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        if isinstance(error, HeatError):
            raise
        raise HeatError(f"{printable(path)} is damaged ({error} is missing or misplaced): pack it again.") from error


def is_guard(path: Path) -> bool:
    """Whether a file says that it is a guard, of whatever format."""
    try:
        with safe_open(path, framework="pt") as file:
            return _KEY in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def _header(guard: GuardState) -> dict[str, Any]:
    network, lens = guard.network, guard.lens
    return {
        "format": FORMAT,
        "heat_core": __version__,
        "name": guard.name,
        "network": network
        and {
            "name": network.name,
            "weights": network.weights,
            "image_size": network.image_size,
            "fingerprint": network.fingerprint,
            "preprocessing": network.preprocessing,
        },
        "class_names": guard.class_names,
        "parts": {
            part.name: {
                "temperature": part.temperature,
                "width": part.residual[0].out_features,
                "hidden_layers": sum(isinstance(layer, torch.nn.Linear) for layer in part.residual) - 2,
            }
            for part in guard.parts
            if part.residual is not None
        },
        "lens": asdict(lens) | {"beta": str(lens.beta)},
        "remark": guard.remark,
    }


def _read(path: Path) -> tuple[dict[str, Any], Arrays]:
    """Header and arrays, as they were written."""
    if not path.is_file():
        raise HeatError(f"{printable(path)} is no file: give a guard that `python -m heat_core pack` wrote.")
    try:
        with safe_open(path, framework="np") as file:
            header = json.loads((file.metadata() or {}).get(_KEY, "null"))
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise HeatError(f"{printable(path)} is cut off, damaged, or no guard: pack it again.") from error
    if not isinstance(header, dict):
        raise HeatError(f"{printable(path)} is no guard: give a file that `python -m heat_core pack` wrote.")
    if header.get("format") != FORMAT:
        raise HeatError(
            f"{printable(path)} is a guard of format {printable(str(header.get('format')))} by heat_core "
            f"{printable(str(header.get('heat_core')))}, and this heat_core reads format {FORMAT}: install the version "
            "that wrote it, or pack the run again."
        )
    if header.pop("digest", None) != _digest(header, arrays):
        raise HeatError(f"{printable(path)} is damaged, it is not what was written: pack it again.")
    return header, arrays


def _guard(header: dict[str, Any], arrays: Arrays, weights: str | None, backbone: Backbone | None) -> GuardState:
    lens, of = header["lens"], header["network"]
    inside = arrays[_WEIGHTS].tobytes() if _WEIGHTS in arrays and weights is None else None
    network = of and Network(**of, inside=inside, given=backbone)
    if network and weights:
        network = replace(network, weights=weights)
    return GuardState(
        name=header["name"],
        network=network,
        head=(arrays["head/weight"], arrays["head/bias"]),
        parts=[_part(name, of_part, arrays) for name, of_part in header["parts"].items()],
        scale=Scale(tuple(header["parts"]), arrays["scale/mean"], arrays["scale/std"]),
        lens=Lens(**lens | {"beta": float(lens["beta"])}),
        class_names=header["class_names"],
        calibration=Calibration(arrays["calibration/scores"], arrays["calibration/classes"]),
        remark=header["remark"],
    )


def _part(name: str, of: dict[str, Any], arrays: Arrays) -> CorrectedPrior:
    constants, state = _under(f"{name}/prior/", arrays), _under(f"{name}/residual/", arrays)
    dim = state["0.weight"].shape[1]
    residual = ResidualMLP(dim, of["width"], of["hidden_layers"])
    residual.load_state_dict({k: torch.from_numpy(v) for k, v in state.items()})
    prior = unpacked(KINDS[name], Constants(**constants))
    return replace(without_scale(name, prior, dim), temperature=of["temperature"], residual=residual)


def _under(before: str, arrays: Arrays) -> Arrays:
    return {name.removeprefix(before): values for name, values in arrays.items() if name.startswith(before)}


def _digest(header: dict[str, Any], arrays: Arrays) -> str:
    return digest_of_arrays(arrays, json.dumps(header, sort_keys=True).encode())
