"""A guard as one network from pixels to logits, score and energies, for `torch.export`, ONNX or use in torch."""

import copy
import math
from pathlib import Path

import numpy as np
import torch
from torch import nn

from heat_core.backbones.frozen import FrozenModule
from heat_core.energies.corrected_prior import CorrectedPrior
from heat_core.energies.priors import prior_class
from heat_core.errors import HeatError
from heat_core.guard.state import GuardState
from heat_core.names import printable
from heat_core.storage import replacing

_ZERO_BETA = 1e-8  # |β| below which the composition equals the mean in float32
OUTPUTS = ("logits", "score", "energies")


class GuardModule(FrozenModule):
    """Network from pixels (B, 3, H, W) to logits (B, C), HEAT's score (B,) and hybrid energies (B, K).

    The pixels are those that the backbone's transform makes. The energies are those that the score composes. Everything
    is computed in float32, except the composition, which is in float64.

    Args:
        guard: the guard that is copied into the network; later changes to the guard have no effect on it.
    """

    mean: torch.Tensor
    spread: torch.Tensor
    shares: torch.Tensor

    def __init__(self, guard: GuardState) -> None:
        super().__init__()
        self.backbone = copy.deepcopy(guard.backbone).cpu().to(memory_format=torch.contiguous_format)
        weight, bias = (torch.as_tensor(np.asarray(part), dtype=torch.float32) for part in guard.head)
        self.head = nn.Linear(weight.shape[1], weight.shape[0])
        self.head.weight, self.head.bias = nn.Parameter(weight), nn.Parameter(bias)
        priors = guard.lens.select_priors(guard.scale.priors)
        by_name, scale = {part.name: part for part in guard.parts}, guard.scale.select(priors)
        self.parts = nn.ModuleList(_HybridEnergy(by_name[name]) for name in priors)
        self.beta = guard.lens.beta
        weights = guard.lens.weights or (1.0,) * len(priors)
        self.register_buffer("mean", torch.as_tensor(scale.mean, dtype=torch.float32))
        self.register_buffer("spread", torch.as_tensor(scale.spread, dtype=torch.float32))
        self.register_buffer("shares", torch.as_tensor(weights, dtype=torch.float64) / sum(weights))
        self.freeze()

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Compute logits (B, C), score (B,) and hybrid energies (B, K) of pixels (B, 3, H, W)."""
        self.freeze()
        avg, std = self.backbone(pixels)
        energies = torch.stack([part(avg, std) for part in self.parts], dim=1)
        score = compose((energies - self.mean) / self.spread, self.beta, self.shares)
        return self.head(avg), score, energies


def compose(energies: torch.Tensor, beta: float, shares: torch.Tensor) -> torch.Tensor:
    """Compose standardised energies by β (Eq. 7), like `composition.compose`, but for tensors and a fixed β.

    It computes in float64, because the differences from the mean are multiplied and divided by β.

    Args:
        energies: (B, K) standardised hybrid energies.
        beta: β, which may be infinite.
        shares: (K,) float64 weights of the priors, whose sum is 1; a prior with weight 0 takes no part.

    Returns:
        (B,) float32 scores.
    """
    energies, is_included = energies.double(), shares > 0
    if math.isinf(beta):
        bound = torch.where(is_included, energies, -beta)
        return (bound.amax(dim=1) if beta > 0 else bound.amin(dim=1)).float()
    mean = (energies * shares).sum(dim=1)
    if abs(beta) < _ZERO_BETA:
        return mean.float()
    scaled = torch.where(is_included, beta * (energies - mean[:, None]), -math.inf)
    return (mean + torch.logsumexp(scaled + shares.log().clamp_min(-1e30), dim=1) / beta).float()


class _HybridEnergy(nn.Module):
    """Hybrid energy E_q / T + E_θ (Eq. 2) of one corrected prior as a network: avg (B, D), std (B, D') → (B,)."""

    def __init__(self, part: CorrectedPrior) -> None:
        super().__init__()
        self.constants = _Buffers(part.prior.scoring_constants())
        self.prior = prior_class(part.name).from_constants(self.constants)
        self.residual, self.view, self.temperature = copy.deepcopy(part.residual), part.view, part.temperature

    def forward(self, avg: torch.Tensor, std: torch.Tensor | None) -> torch.Tensor:
        z = avg if self.view.column == "avg" else std
        assert z is not None
        assert self.residual is not None
        z = self.view.project(z.float(), non_negative=False)
        return self.prior.energy(z) / self.temperature + self.residual(z)


class _Buffers(nn.Module):
    """Constants of a prior as buffers, which are moved and saved together with the network that contains them."""

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        super().__init__()
        for name, values in arrays.items():
            self.register_buffer(name, torch.as_tensor(values, dtype=torch.float32))

    def like(self, z: torch.Tensor) -> dict[str, torch.Tensor]:  # noqa: ARG002 (the buffers are on the device of z)
        return dict(self.named_buffers())


ExportArguments = tuple[nn.Module, tuple[torch.Tensor], tuple[dict[int, torch.export.Dim]]]


def _export_arguments(guard: GuardState) -> ExportArguments:
    """Make the arguments of an exporter: the module, pixels of two images, and a dynamic batch size."""
    return (
        GuardModule(guard),
        (torch.zeros(2, *guard.backbone.input_shape),),
        ({0: torch.export.Dim("batch", min=1)},),
    )


def export_program(guard: GuardState) -> torch.export.ExportedProgram:
    """Export the guard as a `torch.export` program for batches of any size."""
    module, pixels, shapes = _export_arguments(guard)
    return torch.export.export(module, pixels, dynamic_shapes=shapes)


def write_onnx(guard: GuardState, path: Path) -> None:
    """Write the guard as an ONNX file with input `pixels` and outputs `logits`, `score` and `energies`.

    Batches may have any size.

    Raises:
        HeatError: when onnx or onnxscript is not installed, or the network cannot be exported.
    """
    _require_onnx()
    module, pixels, shapes = _export_arguments(guard)
    try:
        program = torch.onnx.export(
            module,
            pixels,
            dynamo=True,
            input_names=["pixels"],
            output_names=list(OUTPUTS),
            dynamic_shapes=shapes,
            verbose=False,
        )
    except Exception as error:  # torch's exporter raises many kinds of errors for networks that it cannot trace
        raise HeatError(
            f"{printable(guard.backbone.name)} cannot be exported to ONNX ({type(error).__name__}): use "
            "guard.module() in torch, or another backbone."
        ) from error
    assert program is not None
    with replacing(path) as temp_path:
        program.save(temp_path, external_data=False)


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise HeatError("ONNX files need onnx and onnxscript: pip install 'heat-explorer[onnx]'.") from error
