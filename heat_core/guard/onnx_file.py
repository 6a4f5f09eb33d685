"""A guard as one ONNX file, which says in its metadata all that a program needs that has nothing but the file."""

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from heat_core.backbones.backbone import Backbone
from heat_core.backbones.frozen import FrozenModule
from heat_core.errors import HeatError
from heat_core.guard.module import GuardModule, export_inputs
from heat_core.guard.state import GuardState
from heat_core.names import printable
from heat_core.storage import replacing
from heat_core.version import __version__

FORMAT = 1  # format of the metadata; increase it when a reader of this format would misread new files
METADATA_KEY = "heat_guard"  # key of the JSON in the metadata of the file
INPUTS = ("pixels", "second_pixels")
LARGEST = 1536 * 2**20  # bytes of weights above which torch writes them beside the file
OUTPUTS = ("logits", "score", "energies", "p_value")
ALPHAS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1)  # false-alarm rates whose thresholds the metadata holds


def write_onnx(guard: GuardState, path: Path) -> None:
    """Write a guard as an ONNX file from pixels to logits (B, C), score (B,), energies (B, K) and p-value (B,).

    Its input is `pixels` (B, 3, H, W); a second encoder is a second branch of the graph with the input `second_pixels`.
    Batches may have any size. The metadata hold the JSON of `describe_guard` under `heat_guard`.

    Raises:
        HeatError: when onnx or onnxscript is not installed, the network cannot be exported, or its weights do not fit
            into one file.
    """
    _require_onnx()
    module = _WithPValue(guard)
    pixels, shapes = export_inputs(guard)
    try:
        program = torch.onnx.export(
            module,
            pixels,
            dynamo=True,
            input_names=list(INPUTS[: len(pixels)]),
            output_names=list(OUTPUTS),
            dynamic_shapes=shapes,
            verbose=False,
        )
    except Exception as error:  # torch's exporter raises many kinds of errors for networks that it cannot trace
        names = " with ".join(printable(backbone.name) for backbone in guard.composed_backbones)
        raise HeatError(
            f"{names} cannot be exported to ONNX ({type(error).__name__}): use guard.module() in torch, or another "
            "backbone."
        ) from error
    assert program is not None
    weights = [value.const_value for value in program.model.graph.initializers.values()]
    size = sum(values.nbytes for values in weights if values is not None)
    if size > LARGEST:
        raise HeatError(
            f"The weights of this guard take {size / 2**30:.1f} GiB, and one ONNX file holds "
            f"{LARGEST / 2**30:.1f}: use guard.module() in torch, or a smaller backbone."
        )
    program.model.metadata_props[METADATA_KEY] = json.dumps(describe_guard(guard))
    with replacing(path) as temp_path:
        program.save(temp_path, external_data=False)


def describe_guard(guard: GuardState) -> dict[str, Any]:
    """Describe a guard for programs in any language, as values of JSON.

    Returns:
        `format` and `heat_core`, the versions; `name`; `inputs`, how the pixels of each input are made of an image;
        `class_names` of the logits; `priors` of the energies, `beta` and `weights` of their composition (Eq. 7);
        `threshold`, above which a score is called unknown; `thresholds`, the same for several false-alarm rates α
        (None where there are too few calibration images for one); `calibration`, its images in number and words.
    """
    lens, priors = guard.lens, guard.lens.select_priors(guard.scale.priors)
    networks = zip(INPUTS, guard.composed_backbones, strict=False)
    return {
        "format": FORMAT,
        "heat_core": __version__,
        "name": guard.name,
        "inputs": {name: describe_pixels(backbone) for name, backbone in networks},
        "class_names": guard.class_names,
        "priors": list(priors),
        "beta": str(lens.beta),  # it may be infinite, which JSON cannot hold
        "weights": list(lens.weights or (1.0,) * len(priors)),
        "threshold": _finite_or_none(guard.threshold),
        "thresholds": {str(alpha): _finite_or_none(guard.calibration.threshold(alpha)) for alpha in ALPHAS},
        "calibration": {"images": len(guard.calibration), "note": guard.calibration_note},
    }


def describe_pixels(backbone: Backbone) -> dict[str, Any]:
    """Describe how the pixels of a network are made of an image in RGB, as values of JSON.

    Returns:
        `height` and `width` of the pixels; `mean` and `std` by which pixels in [0, 1] are normalised; and the steps
        before: `resize` (length of the shorter edge, or height and width; None: not at all), `interpolation` and
        `crop` (height and width of the centre), all None for a transform that does something else, whose text is
        `transform`.
    """
    info = backbone.transform_info
    described = {"height": info.size[0], "width": info.size[1], "transform": info.fingerprint_text}
    try:
        spec = info.to_spec()
    except HeatError:
        return described | {"resize": None, "interpolation": None, "crop": None, "mean": info.mean, "std": info.std}
    return described | asdict(spec)


class _WithPValue(FrozenModule):
    """The network of a guard with a further output: conformal p-values (B,), see `Calibration.p_values`."""

    calibration: torch.Tensor

    def __init__(self, guard: GuardState) -> None:
        super().__init__()
        self.guard = GuardModule(guard)
        self.register_buffer("calibration", torch.as_tensor(guard.calibration.scores, dtype=torch.float32))
        self.freeze()

    def forward(self, pixels: torch.Tensor, second_pixels: torch.Tensor | None = None) -> tuple[torch.Tensor, ...]:
        """Compute logits (B, C), score (B,), energies (B, K) and p-values (B,)."""
        logits, score, energies = self.guard(pixels, second_pixels)
        as_unusual = (self.calibration >= score[:, None]).sum(dim=1)
        p_value = (1 + as_unusual).float() / (1 + len(self.calibration))
        return logits, score, energies, torch.where(score.isnan(), score, p_value)


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise HeatError("ONNX files need onnx and onnxscript: pip install 'heat-explorer[onnx]'.") from error
