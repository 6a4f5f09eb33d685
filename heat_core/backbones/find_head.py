"""Search for a linear head that reads `avg`, by comparing outputs rather than module names.

Networks may place other modules between what they pool and their classifier (BatchNorm, a second head whose logits are
averaged, a convolution in place of a linear layer); the classifier that timm names then does not read `avg`. A head
counts as the network's own only if it gives the network's own logits on a random batch.
"""

import copy
from typing import Any

import numpy as np
import torch
from torch import nn

from heat_core.types import Head

_TOLERANCE = 1e-3  # relative to the largest logit; allows for float32 rounding in a deep network


def find_linear_head(model: Any, pixels: torch.Tensor, avg: torch.Tensor) -> tuple[Head | None, str]:
    """Find the head (weight (C, D), bias (C,)) with head(avg) = model(pixels), or return None and the reason.

    Args:
        model: network in evaluation mode.
        pixels: (B, 3, H, W) random images.
        avg: (B, D) vectors that the model pools from them.
    """
    classifier = model.get_classifier() if hasattr(model, "get_classifier") else None
    if isinstance(classifier, nn.Identity) or getattr(model, "num_classes", 1) == 0:
        return None, "the weights have no classifier"
    logits, readers = _find_readers(model, pixels, avg)
    if logits is None:
        return None, "the network does not give one vector of logits"
    close = _TOLERANCE * max(float(logits.abs().max()), 1e-12)
    for module, out in readers:
        if (out - logits).abs().max() <= close:
            return _as_affine_head(module, avg, logits, close)
    if len(readers) > 1:  # distilled networks average their heads
        mean = torch.stack([out for _, out in readers]).mean(dim=0)
        if (mean - logits).abs().max() <= close:
            heads = [_as_affine_head(module, avg, out, close)[0] for module, out in readers]
            if all(head is not None for head in heads):
                weights, biases = zip(*(head for head in heads if head is not None), strict=True)
                return (np.mean(weights, axis=0), np.mean(biases, axis=0)), ""
    return None, "its classifier reads more than the pooled features"


def _find_readers(
    model: Any, pixels: torch.Tensor, avg: torch.Tensor
) -> tuple[torch.Tensor | None, list[tuple[nn.Module, torch.Tensor]]]:
    """Return the model's logits, and the modules that read `avg` and output as many numbers, outermost first."""
    outputs: list[tuple[nn.Module, torch.Tensor]] = []
    reads_avg: dict[nn.Module, bool] = {}

    def check_input(module: nn.Module, inputs: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        first = next(iter((*inputs, *keywords.values())), None)
        reads_avg[module] = _equals_avg(first, avg)  # compared now, since the module may change it in place

    def keep_output(module: nn.Module, _: tuple[Any, ...], output: Any) -> None:
        if reads_avg.get(module) and isinstance(output, torch.Tensor) and output.flatten(1).ndim == 2:
            outputs.append((module, output.flatten(1).clone()))

    hooks = []
    for module in model.modules():
        if module is not model:
            hooks.append(module.register_forward_pre_hook(check_input, with_kwargs=True))
            hooks.append(module.register_forward_hook(keep_output))
    try:
        logits = model(pixels)
    finally:
        for hook in hooks:
            hook.remove()
    if not isinstance(logits, torch.Tensor) or logits.ndim != 2:
        return None, []
    readers = [(m, out) for m, out in reversed(outputs) if out.shape == logits.shape and not _equals_avg(out, avg)]
    return logits, readers


def _equals_avg(value: Any, avg: torch.Tensor) -> bool:
    """Tell whether a module's input is `avg`, as vectors or as maps of one position."""
    return (
        isinstance(value, torch.Tensor)
        and value.ndim >= 2
        and value.numel() == avg.numel()
        and value.shape[:2] == avg.shape
        and torch.allclose(value.flatten(1), avg, rtol=1e-4, atol=1e-5 * max(float(avg.abs().max()), 1e-12))
    )


def _as_affine_head(module: nn.Module, avg: torch.Tensor, out: torch.Tensor, close: float) -> tuple[Head | None, str]:
    """Determine a module's weight and bias by evaluating it in float64; None and the reason where it is not affine."""
    if isinstance(module, nn.Linear):
        bias = torch.zeros(module.out_features) if module.bias is None else module.bias.detach()
        return (module.weight.double().cpu().numpy(), bias.double().cpu().numpy()), ""
    exact_module, dim = copy.deepcopy(module).double().eval(), avg.shape[1]

    def evaluate(z: torch.Tensor) -> torch.Tensor:
        for inputs in (z, z[:, :, None, None]):
            try:
                return exact_module(inputs).flatten(1)
            except (RuntimeError, ValueError, TypeError):
                continue
        raise ValueError("the module takes neither vectors nor maps of one position")

    try:
        bias = evaluate(torch.zeros(1, dim, dtype=torch.float64, device=avg.device))[0]
        weight = (evaluate(torch.eye(dim, dtype=torch.float64, device=avg.device)) - bias).T
    except ValueError:
        return None, "its classifier reads more than the pooled features"
    if (avg.double() @ weight.T + bias - out.double()).abs().max() > close:
        return None, "its classifier is not linear in the pooled features"
    return (weight.cpu().numpy(), bias.cpu().numpy()), ""
