"""Backbones as files: a program of `torch.export` (.pt2) beside a note of how images are prepared for it.

The contract of such a program: (B, 3, H, W) float32 images with any B → a dictionary with `avg` (B, D), what the last
linear layer reads; `logits`, what that layer makes of it, where there is one; `volume`, the maps (B, C, H, W) or the
positions (B, P, C) that are pooled, where there are such. The note is `heat.json` among its extra files: `resize`,
`crop`, `mean`, `std` and `interpolation` as of `preparation.Steps`.
"""

import copy
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from torch import nn

from heat_core.backbones.feature_extractor import Anatomy, Seen
from heat_core.backbones.hooks import Logits
from heat_core.backbones.state_dict import first_line
from heat_core.backbones.torch_export.archive import MISUNDERSTOOD, Archive
from heat_core.backbones.torch_export.program import Program
from heat_core.backbones.transforms import Preparation, Steps
from heat_core.errors import HeatError
from heat_core.storage import digest_of, printable, replacing, typed
from heat_core.types import Head

EXPORTED = "torch:"  # before the path of such a file
NOTE = "heat.json"
_OUTPUTS = {"avg", "logits", "volume"}
_CLOSE = 1e-3  # of the largest number


class ExportableBackbone(Protocol):
    """What `save` reads of a `Backbone`."""

    name: str
    anatomy: Anatomy
    preparation: Preparation
    input_size: tuple[int, int]
    head: Head | None
    has_positions: bool

    def positions(self, volume: torch.Tensor) -> torch.Tensor: ...

    def as_maps(self, volume: torch.Tensor) -> torch.Tensor: ...

    def cpu(self) -> Self: ...

    def to(self, *args: Any, **kwargs: Any) -> Self: ...


class OfProgram(Anatomy):
    """The anatomy of a program that names its parts itself."""

    channels = 0  # maps have them first

    def __init__(self, program: Program, name: str) -> None:
        self.program, self.model, self.name = program, Logits(program), name

    def see(self, images: torch.Tensor) -> Seen:
        found = self.program(images)
        return Seen(found["avg"], found.get("volume"), [])

    def own_head(self, images: torch.Tensor, avg: torch.Tensor) -> tuple[Head | None, str]:  # noqa: ARG002
        """The linear layer that stands between both outputs."""
        if "logits" not in self.program.outputs:
            return None, "the program gives no logits"
        layer = self.program.linear("avg", "logits")
        if layer is None:
            raise HeatError(f"The logits of {self.name} are no linear layer of its avg: let one nn.Linear make them.")
        weight, bias = (part.double().cpu() for part in layer)
        return (weight.numpy(), bias.numpy()), ""

    def prefix(self, tokens: int, size: tuple[int, int]) -> int:  # noqa: ARG002
        """None: a program gives positions alone."""
        return 0


def read(name: str) -> tuple[OfProgram, Preparation, str]:
    """The anatomy, the preparation and the fingerprint of `torch:FILE`.

    Raises:
        HeatError: where the file is none, or does not keep the contract.
    """
    path = typed(name.removeprefix(EXPORTED))
    with Archive(path) as archive:
        content, note = archive.program(), archive.note(NOTE)
        try:
            program = Program(content, archive.tensors())
            preparation = Preparation.of(Steps.read(note)())
            if not {"avg"} <= set(program.outputs) <= _OUTPUTS:
                raise ValueError(
                    f"it gives {', '.join(program.outputs)}: let it give avg, and logits and volume if any"
                )
            if program.size not in (None, preparation.size):
                raise ValueError(f"it takes images of {program.size}, and {NOTE} makes them {preparation.size}")
        except HeatError:
            raise
        except MISUNDERSTOOD as error:
            raise archive.strange(first_line(error)) from error
    return OfProgram(program, printable(name)), preparation, digest_of(path)[:16]


class _Parts(nn.Module):
    """A backbone as the contract has it."""

    def __init__(self, backbone: ExportableBackbone) -> None:
        super().__init__()
        self.backbone, self.head = backbone, None
        if backbone.head is not None:
            weight, bias = (torch.from_numpy(part).float() for part in backbone.head)
            self.head = nn.Linear(*weight.shape[::-1])
            self.head.load_state_dict({"weight": weight, "bias": bias})

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        avg, volume, _ = self.backbone.anatomy.see(images)
        found = {"avg": avg}
        if self.head is not None:
            found["logits"] = self.head(avg)
        if volume is not None and self.backbone.has_positions:
            of_maps = volume.ndim == 4
            found["volume"] = self.backbone.as_maps(volume) if of_maps else self.backbone.positions(volume)
        return found


def save(backbone: ExportableBackbone, path: Path) -> None:
    """Write a backbone as `torch:FILE` takes it, and see that it gives the same again.

    Raises:
        HeatError: where the network cannot be exported, or its transform cannot be written down.
    """
    if path.suffix != ".pt2":
        raise HeatError(f"{printable(path)} must end in .pt2.")
    note = json.dumps(asdict(backbone.preparation.steps()))
    plain = copy.deepcopy(backbone).cpu().to(memory_format=torch.contiguous_format)
    parts = _Parts(plain).eval().requires_grad_(False)
    images = torch.randn(3, 3, *backbone.input_size, generator=torch.Generator().manual_seed(2))
    try:
        with torch.no_grad():
            batch = {0: torch.export.Dim("batch")}
            program = torch.export.export(parts, (torch.zeros_like(images[:2]),), dynamic_shapes=(batch,))
            expected = parts(images)
    except Exception as error:  # anybody's code, and torch's many kinds
        raise HeatError(f"{backbone.name} cannot be exported ({first_line(error)}).") from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths and lines of this machine
    with replacing(path) as beside:
        with open(beside, "wb") as file:
            torch.export.save(program, file, extra_files={NOTE: note})
        again = _as_it_is_read(backbone.name, beside)(images)
        for name, values in expected.items():
            if (values - again[name]).abs().max() > _CLOSE * values.abs().max().clamp_min(1e-12):
                raise HeatError(f"{backbone.name} gives another {name} once it is exported: it cannot be kept so.")


def _as_it_is_read(name: str, path: Path) -> Program:
    """What became of a backbone; HeatError where it uses what is not taken from files."""
    with Archive(path) as archive:
        try:
            return Program(archive.program(), archive.tensors())
        except MISUNDERSTOOD as error:
            raise HeatError(f"{name} cannot be exported ({first_line(error)}).") from error
