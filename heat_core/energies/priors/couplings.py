"""Affine coupling layers (RealNVP, Dinh et al., 2017) that begin at the identity, and their training by likelihood."""

import math

import torch
from torch.nn import functional

LAYERS = 4
_WIDTHS = 32, 64  # smallest and largest width of the hidden layers; between them it is the dimension
_UPDATES, _BATCH, _LEARNING_RATE, _WEIGHT_DECAY = 600, 256, 1e-3, 0.1
_CHECK = 20  # updates between two looks at the held-out likelihood
_PATIENCE = 4  # looks without a better likelihood after which training ends
_SURE = 2.0  # standard errors by which the held-out likelihood must rise, else the layers stay the identity
Weights = dict[str, torch.Tensor]


def identity(dim: int, generator: torch.Generator) -> Weights:
    """Draw the float64 weights of layers that compute the identity of R^D, since the last linear maps are zero.

    Args:
        dim: dimension D.
        generator: generator of the other weights.

    Returns:
        For the L layers `weight_1` (L, D // 2, H), `weight_2` (L, H, H), `weight_3` (L, H, 2 (D - D // 2)), and their
        biases.
    """
    width, kept = min(max(dim, _WIDTHS[0]), _WIDTHS[1]), dim // 2
    sizes = kept, width, width, 2 * (dim - kept)
    weights = {}
    for i in (1, 2, 3):
        shape = LAYERS, sizes[i - 1], sizes[i]
        drawn = torch.randn(shape, generator=generator, dtype=torch.float64) / math.sqrt(max(sizes[i - 1], 1))
        weights[f"weight_{i}"] = drawn if i < 3 else torch.zeros_like(drawn)
        weights[f"bias_{i}"] = torch.zeros(LAYERS, sizes[i], dtype=torch.float64)
    return weights


def transform(u: torch.Tensor, weights: Weights) -> tuple[torch.Tensor, torch.Tensor]:
    """Map points to noise, (…, D) → (…, D), with the log-determinant of the Jacobian, (…).

    Each layer keeps the first half a of the coordinates, maps the others b to (b + t(a)) exp(s(a)) with -1 < s < 1, and
    rotates the coordinates, so that the next layer keeps others.
    """
    kept = u.shape[-1] // 2
    log_det = u.new_zeros(u.shape[:-1])
    for layer in range(LAYERS):
        first, second = u[..., :kept], u[..., kept:]
        shift, scale = _shift_and_scale(first, weights, layer)
        log_det = log_det + scale.sum(dim=-1)
        u = _rotate(torch.cat([first, (second + shift) * scale.exp()], dim=-1), _turn(kept, layer))
    return u, log_det


def invert(v: torch.Tensor, weights: Weights) -> torch.Tensor:
    """Map noise to points, (…, D) → (…, D): the inverse of `transform`."""
    kept = v.shape[-1] // 2
    for layer in reversed(range(LAYERS)):
        v = _rotate(v, v.shape[-1] - _turn(kept, layer))
        first, second = v[..., :kept], v[..., kept:]
        shift, scale = _shift_and_scale(first, weights, layer)
        v = torch.cat([first, second * (-scale).exp() - shift], dim=-1)
    return v


def train(u: torch.Tensor, held_out: torch.Tensor, seed: int) -> tuple[Weights, float]:
    """Learn coupling layers that make points standard normal, by maximum likelihood with Adam.

    Training ends when the likelihood of held-out points no longer rises, and the layers at its highest are kept; they
    stay the identity where it has not risen by two standard errors.

    Args:
        u: (N, D) float64 points, whitened.
        held_out: (M, D) points of the same distribution that are not among them.
        seed: seed of the first weights and of the batches.

    Returns:
        The weights, float32 on the CPU (as a guard stores them), and by how much they raise the mean log-likelihood of
        the held-out points, in nats.
    """
    generator = torch.Generator().manual_seed(seed)
    start = {name: values.to(u.device) for name, values in identity(u.shape[1], generator).items()}
    weights = {name: values.clone().requires_grad_() for name, values in start.items()}
    optimiser = torch.optim.AdamW(weights.values(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
    if len(held_out) < 2:
        return {name: values.float().cpu() for name, values in start.items()}, 0.0
    before = best = log_likelihood(held_out, start)
    kept, waited = start, 0
    for update in range(1, _UPDATES + 1):
        batch = u[torch.randint(len(u), (_BATCH,), generator=generator).to(u.device)]
        optimiser.zero_grad()
        (-log_likelihood(batch, weights).mean()).backward()
        optimiser.step()
        if update % _CHECK:
            continue
        with torch.no_grad():
            now = log_likelihood(held_out, weights)
        waited += 1
        if now.mean() > best.mean():
            best, waited = now, 0
            kept = {name: values.detach().clone() for name, values in weights.items()}
        if waited == _PATIENCE:
            break
    gain = best - before
    is_sure = bool(gain.mean() > _SURE * gain.std() / math.sqrt(len(gain)))
    chosen, mean = (kept, float(gain.mean())) if is_sure else (start, 0.0)
    return {name: values.float().cpu() for name, values in chosen.items()}, mean


def log_likelihood(u: torch.Tensor, weights: Weights) -> torch.Tensor:
    """Compute the log-density of points up to the constant of the normal distribution, (…, D) → (…)."""
    v, log_det = transform(u, weights)
    return log_det - 0.5 * torch.linalg.vecdot(v, v)


def _shift_and_scale(kept: torch.Tensor, weights: Weights, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
    hidden = kept
    for i in (1, 2):
        hidden = functional.silu(hidden @ weights[f"weight_{i}"][layer] + weights[f"bias_{i}"][layer])
    shift, scale = (hidden @ weights["weight_3"][layer] + weights["bias_3"][layer]).chunk(2, dim=-1)
    return shift, torch.tanh(scale)


def _turn(kept: int, layer: int) -> int:
    """Return by how many coordinates a layer rotates: a half and a quarter in turn, so that the halves mix."""
    return kept if layer % 2 == 0 else (kept + 1) // 2


def _rotate(u: torch.Tensor, turn: int) -> torch.Tensor:
    return torch.cat([u[..., turn:], u[..., :turn]], dim=-1)
