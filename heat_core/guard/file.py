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
from heat_core.energies.names import all_priors, prior_kind, registry
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
_TWO_ENCODERS = 2  # format of guards with two encoders, which older versions of heat_core cannot use
_METADATA_KEY = "heat_guard"  # key of the JSON in the header's metadata
_NETWORKS = ("network", "second_network")  # keys of the networks in the header, and in the names of their weights
_CHECKED_POINTS = 4  # points at which a prior is compared with itself, packed
_PACKING_TOLERANCE = 1e-3  # largest difference of the energies, as a share of the largest energy: constants are float32
Arrays = dict[str, np.ndarray]


def save_guard(guard: GuardState, path: Path, with_weights: bool = False) -> None:
    """Write a guard to a file atomically; see `Guard.save`."""
    header, arrays = _make_header(guard), _collect_arrays(guard)
    if with_weights:
        if guard.network is None:
            raise HeatError(f"{guard.name} was made from features: there are no weights to pack.")
        for key, network in zip(_NETWORKS, (guard.network, guard.second_network), strict=True):
            if network is not None:
                arrays[_weights_key(key)] = np.frombuffer(network.weights_as_bytes(), dtype=np.uint8)
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


GivenNetwork = tuple[str | Path | None, Backbone | None]  # path of the weights, and the network itself


def load_guard(path: Path, given: GivenNetwork = (None, None), given_second: GivenNetwork = (None, None)) -> GuardState:
    """Read a guard; see `Guard.load`."""
    header, arrays = _read_file(path)
    if any(value is not None for value in given_second) and not header.get("second_network"):
        raise HeatError(f"{printable(path)} has no second encoder: give no weights and no network of one.")
    try:
        networks = [
            _build_network(key, header, arrays, *of_caller)
            for key, of_caller in zip(_NETWORKS, (given, given_second), strict=True)
        ]
        return _build_state(header, arrays, *networks)
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
    lens, second = guard.lens, guard.second_network
    of_second = {"second_network": _describe_network(second)} if second else {}
    return of_second | {
        "format": _TWO_ENCODERS if second else FORMAT,
        "heat_core": __version__,
        "name": guard.name,
        "network": guard.network and _describe_network(guard.network),
        "class_names": guard.class_names,
        "parts": {
            part.name: {
                "temperature": part.temperature,
                "width": part.residual[0].out_features,
                "hidden_layers": sum(isinstance(layer, torch.nn.Linear) for layer in part.residual) - 2,
            }
            | ({"plugin": plugin} if (plugin := registry.origin(prior_kind(part.name))) else {})
            for part in guard.parts
            if part.residual is not None
        },
        "lens": asdict(lens) | {"beta": str(lens.beta)},
        "remark": guard.calibration_note,
    }


def _describe_network(network: Network) -> dict[str, Any]:
    return {
        "name": to_stored_path(network.name),
        "weights": network.weights and to_stored_path(network.weights),
        "image_size": network.image_size,
        "fingerprint": network.fingerprint,
        "preprocessing": network.preprocessing,
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
    if header.get("format") not in (FORMAT, _TWO_ENCODERS):
        raise HeatError(
            f"{printable(path)} is a guard of format {printable(str(header.get('format')))} by heat_core "
            f"{printable(str(header.get('heat_core')))}, and this heat_core reads formats up to {_TWO_ENCODERS}: "
            "install the version that wrote it, or pack the run again."
        )
    if header.pop("digest", None) != _digest(header, arrays):
        raise HeatError(f"{printable(path)} is damaged, it is not what was written: pack it again.")
    return header, arrays


def _weights_key(network: str) -> str:
    return f"{network}/weights"


def _build_network(
    key: str, header: dict[str, Any], arrays: Arrays, weights: str | Path | None, backbone: Backbone | None
) -> Network | None:
    """Make the network under a key of the header, with weights or a backbone of the caller; None where it has none."""
    described, packed = header.get(key), arrays.get(_weights_key(key))
    if not described:
        return None
    paths = {name: described[name] and from_stored_path(described[name]) for name in ("name", "weights")}
    weight_bytes = packed.tobytes() if packed is not None and weights is None else None
    network = Network(**described | paths, weight_bytes=weight_bytes, backbone=backbone)
    return replace(network, weights=str(weights)) if weights else network


def _build_state(
    header: dict[str, Any], arrays: Arrays, network: Network | None, second_network: Network | None
) -> GuardState:
    lens = header["lens"]
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
        second_network=second_network,
    )


def _build_prior(name: str, shape: dict[str, Any], arrays: Arrays) -> CorrectedPrior:
    if prior_kind(name) not in all_priors():
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
