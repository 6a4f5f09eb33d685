"""Backbones as files: a program of `torch.export` (.pt2) with a description of how images are prepared for it.

Contract of such a program: (B, 3, H, W) float32 images with any B → a dictionary with `avg` (B, D), the input of the
last linear layer; `logits`, the output of that layer, where there is one; `volume`, the maps (B, C, H, W) or the
positions (B, P, C) that are pooled, where there are any. The description is `heat.json` among its extra files:
`resize`, `crop`, `mean`, `std` and `interpolation` as in `transforms.TransformSpec`, and the names of the logits'
classes, where they are known, as `class_names`.
"""

import copy
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from torch import nn

from heat_core.backbones.class_names import class_names_of, parse_class_names
from heat_core.backbones.feature_extractor import Activations, FeatureExtractor
from heat_core.backbones.hooks import LogitsModel
from heat_core.backbones.state_dict import first_line
from heat_core.backbones.torch_export.archive import PARSE_ERRORS, Archive
from heat_core.backbones.torch_export.program import Program
from heat_core.backbones.transforms import TransformInfo, TransformSpec
from heat_core.digests import digest_of_file
from heat_core.errors import HeatError
from heat_core.names import printable
from heat_core.storage import expand_home, replacing
from heat_core.types import Head

EXPORTED_PREFIX = "torch:"  # prefix of the path of a .pt2 file
TRANSFORM_FILE = "heat.json"
_OUTPUTS = {"avg", "logits", "volume"}
_TOLERANCE = 1e-3  # relative to the largest number


class ExportableBackbone(Protocol):
    """Interface of `Backbone` that `save_backbone` uses."""

    name: str
    extractor: FeatureExtractor
    transform_info: TransformInfo
    input_size: tuple[int, int]
    head: Head | None
    has_positions: bool

    def positions(self, volume: torch.Tensor) -> torch.Tensor:
        """Return the vectors of the P positions: (B, P, C)."""
        ...

    def as_maps(self, volume: torch.Tensor) -> torch.Tensor:
        """Bring maps into the order (B, C, H, W)."""
        ...

    def cpu(self) -> Self:
        """Move the backbone to the CPU."""
        ...

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move or convert the backbone, as `nn.Module.to`."""
        ...


class ProgramExtractor(FeatureExtractor):
    """Feature extractor of a program whose outputs are named `avg`, `logits` and `volume`."""

    channels = 0  # maps of a program have the channels first, so that the number is not needed

    def __init__(self, program: Program, name: str) -> None:
        self.program, self.model, self.name = program, LogitsModel(program), name

    def forward(self, images: torch.Tensor) -> Activations:
        """Run the program and return its `avg` and its volume."""
        outputs = self.program(images)
        return Activations(outputs["avg"], outputs.get("volume"), [])

    def linear_head(self, images: torch.Tensor, avg: torch.Tensor) -> tuple[Head | None, str]:  # noqa: ARG002
        """Return the linear layer between `avg` and `logits`, or None and the reason.

        Raises:
            HeatError: where the logits are not a linear layer of `avg`.
        """
        if "logits" not in self.program.outputs:
            return None, "the program gives no logits"
        layer = self.program.linear_layer("avg", "logits")
        if layer is None:
            raise HeatError(f"The logits of {self.name} are no linear layer of its avg: let one nn.Linear make them.")
        weight, bias = (part.double().cpu() for part in layer)
        return (weight.numpy(), bias.numpy()), ""

    def num_prefix_tokens(self, tokens: int, size: tuple[int, int]) -> int:  # noqa: ARG002
        """Return 0, since the volume of a program holds positions only."""
        return 0


def load_program(name: str) -> tuple[ProgramExtractor, TransformInfo, str]:
    """Load the extractor, the transform and the fingerprint of `torch:FILE`.

    Raises:
        HeatError: where the file is no such program, or violates the contract.
    """
    path = expand_home(name.removeprefix(EXPORTED_PREFIX))
    with Archive(path) as archive:
        content, spec = archive.program(), archive.extra_json(TRANSFORM_FILE)
        class_names = parse_class_names(spec.pop("class_names", None))
        try:
            program = Program(content, archive.tensors())
            transform_info = TransformInfo.inspect(TransformSpec.from_json(spec).build())
            if not {"avg"} <= set(program.outputs) <= _OUTPUTS:
                raise ValueError(
                    f"it gives {', '.join(program.outputs)}: let it give avg, and logits and volume if any"
                )
            if program.size not in (None, transform_info.size):
                raise ValueError(
                    f"it takes images of {program.size}, and {TRANSFORM_FILE} makes them {transform_info.size}"
                )
        except HeatError:
            raise
        except PARSE_ERRORS as error:
            raise archive.unusable_error(first_line(error)) from error
    program.class_names = class_names
    return ProgramExtractor(program, printable(name)), transform_info, digest_of_file(path)[:16]


class _ExportModule(nn.Module):
    """Module whose outputs follow the contract of exported programs."""

    def __init__(self, backbone: ExportableBackbone) -> None:
        super().__init__()
        self.backbone, self.head = backbone, None
        if backbone.head is not None:
            weight, bias = (torch.from_numpy(part).float() for part in backbone.head)
            self.head = nn.Linear(*weight.shape[::-1])
            self.head.load_state_dict({"weight": weight, "bias": bias})

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Compute `avg`, and `logits` and `volume` where there are any."""
        avg, volume, _ = self.backbone.extractor.forward(images)
        outputs = {"avg": avg}
        if self.head is not None:
            outputs["logits"] = self.head(avg)
        if volume is not None and self.backbone.has_positions:
            is_maps = volume.ndim == 4
            outputs["volume"] = self.backbone.as_maps(volume) if is_maps else self.backbone.positions(volume)
        return outputs


def save_backbone(backbone: ExportableBackbone, path: Path) -> None:
    """Write a backbone as a file for `torch:FILE`, and check that the file gives the same outputs.

    Raises:
        HeatError: where the network cannot be exported, or its transform cannot be described by a `TransformSpec`.
    """
    if path.suffix != ".pt2":
        raise HeatError(f"{printable(path)} must end in .pt2.")
    names = class_names_of(backbone.extractor.model)
    spec = json.dumps(asdict(backbone.transform_info.to_spec()) | ({"class_names": names} if names else {}))
    cpu_copy = copy.deepcopy(backbone).cpu().to(memory_format=torch.contiguous_format)
    module = _ExportModule(cpu_copy).eval().requires_grad_(False)
    images = torch.randn(3, 3, *backbone.input_size, generator=torch.Generator().manual_seed(2))
    try:
        with torch.no_grad():
            batch = {0: torch.export.Dim("batch")}
            program = torch.export.export(module, (torch.zeros_like(images[:2]),), dynamic_shapes=(batch,))
            expected = module(images)
    except Exception as error:  # code of the caller and torch raise many kinds
        raise HeatError(f"{backbone.name} cannot be exported ({first_line(error)}).") from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it holds paths and source lines of this machine
    with replacing(path) as temp_path:
        with open(temp_path, "wb") as file:
            torch.export.save(program, file, extra_files={TRANSFORM_FILE: spec})
        reloaded = _read_back(backbone.name, temp_path)(images)
        for name, values in expected.items():
            if (values - reloaded[name]).abs().max() > _TOLERANCE * values.abs().max().clamp_min(1e-12):
                raise HeatError(f"{backbone.name} gives another {name} once it is exported: it cannot be saved.")


def _read_back(name: str, path: Path) -> Program:
    """Read an exported program back.

    Raises:
        HeatError: where it uses operations that are not accepted from files.
    """
    with Archive(path) as archive:
        try:
            return Program(archive.program(), archive.tensors())
        except PARSE_ERRORS as error:
            raise HeatError(f"{name} cannot be exported ({first_line(error)}).") from error
