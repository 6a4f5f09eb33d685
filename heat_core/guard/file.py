"""A guard as one safetensors file: arrays, and all other values as JSON in the header. The file contains no code."""

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
from heat_core.digests import digest_of_arrays
from heat_core.energies.corrected_prior import CorrectedPrior, make_scoring_prior
from heat_core.energies.names import all_priors, registry
from heat_core.energies.priors import unpack_prior
from heat_core.energies.priors.base import Constants
from heat_core.energies.residual import ResidualMLP
from heat_core.errors import HeatError
from heat_core.guard.conformal import Calibration
from heat_core.guard.network import Network
from heat_core.guard.state import GuardState
from heat_core.names import printable
from heat_core.storage import from_stored_path, replacing, to_stored_path
from heat_core.version import __version__

FORMAT = 1  # increase it when a reader of this format would misread new files
_METADATA_KEY = "heat_guard"  # key of the JSON in the header's metadata
_WEIGHTS_KEY = "network/weights"
_CHECKED_POINTS = 4  # points at which a prior is compared with itself, packed
_PACKING_TOLERANCE = 1e-3  # largest difference of the energies, as a share of the largest energy: constants are float32
Arrays = dict[str, np.ndarray]


def save_guard(guard: GuardState, path: Path, with_weights: bool = False) -> None:
    """Write a guard to a file atomically; see `Guard.save`."""
    header, arrays = _make_header(guard), _collect_arrays(guard)
    if with_weights:
        if guard.network is None:
            raise HeatError(f"{guard.name} was made from features: there are no weights to pack.")
        arrays[_WEIGHTS_KEY] = np.frombuffer(guard.network.weights_as_bytes(), dtype=np.uint8)
    header["digest"] = _digest(header, arrays)
    with replacing(path) as temp_path:
        save_file(arrays, temp_path, metadata={_METADATA_KEY: json.dumps(header)})


def guard_fingerprint(guard: GuardState) -> str:
    """Compute a digest that differs for guards that score differently."""
    return _digest(_make_header(guard), _collect_arrays(guard))


def _collect_arrays(guard: GuardState) -> Arrays:
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
        arrays |= {f"{part.name}/prior/{k}": v for k, v in _pack_prior(part).items()}
        arrays |= {f"{part.name}/residual/{k}": v.numpy() for k, v in part.residual.state_dict().items()}
    return arrays


def _pack_prior(part: CorrectedPrior) -> Arrays:
    """Collect the constants of a prior, from which `load_guard` restores it.

    Raises:
        HeatError: where the restored prior fails, or computes other energies.
    """
    arrays = part.prior.scoring_constants()
    points = np.random.default_rng(0).standard_normal((_CHECKED_POINTS, part.dim or 1))
    expected = part.prior.energy(points)
    try:
        restored = unpack_prior(part.name, Constants(**arrays)).energy(points)
    except (HeatError, AttributeError, KeyError) as error:
        what = f"restored from its constants (scoring_dtypes), it fails: {error}"
        raise HeatError(f"The prior {part.name} cannot be packed: {what}") from error
    if not np.allclose(restored, expected, rtol=0, atol=_PACKING_TOLERANCE * max(float(np.abs(expected).max()), 1.0)):
        raise HeatError(
            f"The prior {part.name} cannot be packed: restored from its constants (scoring_dtypes) it computes other "
            "energies, since it reads something else as well."
        )
    return arrays


def load_guard(path: Path, weights: str | Path | None = None, backbone: Backbone | None = None) -> GuardState:
    """Read a guard; see `Guard.load`."""
    header, arrays = _read_file(path)
    try:
        return _build_state(header, arrays, None if weights is None else str(weights), backbone)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        if isinstance(error, HeatError):
            raise
        raise HeatError(f"{printable(path)} is damaged ({error} is missing or misplaced): pack it again.") from error


def is_guard(path: Path) -> bool:
    """Return whether a file is a guard of any format version, as its header says."""
    try:
        with safe_open(path, framework="pt") as file:
            return _METADATA_KEY in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def _make_header(guard: GuardState) -> dict[str, Any]:
    network, lens = guard.network, guard.lens
    return {
        "format": FORMAT,
        "heat_core": __version__,
        "name": guard.name,
        "network": network
        and {
            "name": to_stored_path(network.name),
            "weights": network.weights and to_stored_path(network.weights),
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
            | ({"plugin": plugin} if (plugin := registry.origin(part.name)) else {})
            for part in guard.parts
            if part.residual is not None
        },
        "lens": asdict(lens) | {"beta": str(lens.beta)},
        "remark": guard.calibration_note,
    }


def _read_file(path: Path) -> tuple[dict[str, Any], Arrays]:
    """Read header and arrays; HeatError if the file is missing, damaged, no guard or of another format."""
    if not path.is_file():
        raise HeatError(f"{printable(path)} is no file: give a guard that `python -m heat_core pack` wrote.")
    try:
        with safe_open(path, framework="np") as file:
            header = json.loads((file.metadata() or {}).get(_METADATA_KEY, "null"))
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


def _build_state(header: dict[str, Any], arrays: Arrays, weights: str | None, backbone: Backbone | None) -> GuardState:
    lens, network_header = header["lens"], header["network"]
    weight_bytes = arrays[_WEIGHTS_KEY].tobytes() if _WEIGHTS_KEY in arrays and weights is None else None
    if network_header:
        paths = {key: network_header[key] and from_stored_path(network_header[key]) for key in ("name", "weights")}
        network_header = network_header | paths
    network = network_header and Network(**network_header, weight_bytes=weight_bytes, backbone=backbone)
    if network and weights:
        network = replace(network, weights=weights)
    return GuardState(
        name=header["name"],
        network=network,
        head=(arrays["head/weight"], arrays["head/bias"]),
        parts=[_build_prior(name, shape, arrays) for name, shape in header["parts"].items()],
        scale=Scale(tuple(header["parts"]), arrays["scale/mean"], arrays["scale/std"]),
        lens=Lens(**lens | {"beta": float(lens["beta"])}),
        class_names=header["class_names"],
        calibration=Calibration(arrays["calibration/scores"], arrays["calibration/classes"]),
        calibration_note=header["remark"],
    )


def _build_prior(name: str, shape: dict[str, Any], arrays: Arrays) -> CorrectedPrior:
    if name not in all_priors():
        plugin = f", which comes from {printable(shape['plugin'])}" if shape.get("plugin") else ""
        raise HeatError(f"This guard has the prior {printable(name)!r}{plugin}: install what it comes from to load it.")
    constants, state = _strip_prefix(f"{name}/prior/", arrays), _strip_prefix(f"{name}/residual/", arrays)
    dim = state["0.weight"].shape[1]
    residual = ResidualMLP(dim, shape["width"], shape["hidden_layers"])
    residual.load_state_dict({k: torch.from_numpy(v) for k, v in state.items()})
    prior = unpack_prior(name, Constants(**constants))
    return replace(make_scoring_prior(name, prior, dim), temperature=shape["temperature"], residual=residual)


def _strip_prefix(prefix: str, arrays: Arrays) -> Arrays:
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}


def _digest(header: dict[str, Any], arrays: Arrays) -> str:
    return digest_of_arrays(arrays, json.dumps(header, sort_keys=True).encode())
