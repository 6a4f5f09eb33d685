"""The residual energy: an MLP and its loss (Sec. 3.1)."""

import numpy as np
import torch
from torch import nn

from heat_core.features.chunks import as_tensor, map_blocks
from heat_core.types import Rows


class ResidualMLP(nn.Sequential):
    """E_θ: R^D → R, `hidden_layers + 2` linear layers with LeakyReLU(0.2) between them (App. B)."""

    def __init__(self, dim: int, width: int = 1024, hidden_layers: int = 4) -> None:
        layers: list[nn.Module] = [nn.Linear(dim, width)]
        for _ in range(hidden_layers):
            layers += [nn.LeakyReLU(0.2), nn.Linear(width, width)]
        super().__init__(*layers, nn.LeakyReLU(0.2), nn.Linear(width, 1))
        # PyTorch's default start halves the signal in every layer: of an L2-normalised input nothing is left after
        # six, and the first epochs teach nothing. He et al.'s start keeps its size.
        for layer in self:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, a=0.2)
                nn.init.zeros_(layer.bias)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """(N, D) → (N,)."""
        return super().forward(z).squeeze(1)

    @torch.no_grad()
    def scale(self, factor: float) -> None:
        """Multiply E_θ with a factor."""
        for parameter in self[-1].parameters():
            parameter.mul_(factor)

    def energies(self, z: Rows) -> np.ndarray:
        """(N, D) features → (N,) float64, block by block, without gradients."""
        device = next(self.parameters()).device
        with torch.inference_mode():
            return map_blocks(lambda block: self(as_tensor(block).to(device)).cpu().double().numpy(), z)


def label_correlation(data: torch.Tensor, negatives: torch.Tensor) -> torch.Tensor:
    """Of the (n,) energies with their being data (0) or a negative (1), both alike in weight; at least 0."""
    gap = (negatives.mean() - data.mean()).clamp_min(0)
    within = data.var(correction=0) + negatives.var(correction=0)
    return gap / (gap**2 + 2 * within).sqrt().clamp_min(1e-12)


def residual_loss(data: torch.Tensor, negatives: torch.Tensor, lambda_: float) -> torch.Tensor:
    """E[E_θ(z)] - E[E_θ(z')] + λ (E[E_θ(z)²] + E[E_θ(z')²]) (Eqs. 3, 5, 6), from the (n,) residual energies."""
    return data.mean() - negatives.mean() + lambda_ * ((data**2).mean() + (negatives**2).mean())
