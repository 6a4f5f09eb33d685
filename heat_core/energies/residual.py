"""The residual energy E_θ, an MLP, and its loss (Sec. 3.1, App. B)."""

import numpy as np
import torch
from torch import nn

from heat_core.features.chunks import as_tensor, map_blocks
from heat_core.types import Rows

_SLOPE = 0.2  # of LeakyReLU where its input is negative


class ResidualMLP(nn.Sequential):
    """Network of the residual E_θ: R^D → R, `hidden_layers + 2` linear layers with LeakyReLU(0.2) between them.

    The paper's network has six layers of width 1024 for CIFAR and 2048 for ImageNet (App. B).

    Args:
        dim: dimension D of the features.
        width: width of the hidden layers.
        hidden_layers: number of linear layers between the first and the last.
    """

    def __init__(self, dim: int, width: int = 1024, hidden_layers: int = 4) -> None:
        layers: list[nn.Module] = [nn.Linear(dim, width)]
        for _ in range(hidden_layers):
            layers += [_activation(), nn.Linear(width, width)]
        super().__init__(*layers, _activation(), nn.Linear(width, 1))
        # PyTorch's default initialisation halves the signal in every layer: after six layers an L2-normalised input has
        # almost no effect, and the first epochs learn nothing. He et al.'s initialisation keeps the signal's size.
        for layer in self:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight, a=0.2)
                nn.init.zeros_(layer.bias)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """Compute E_θ, (N, D) → (N,)."""
        energies: torch.Tensor = super().forward(z)  # type: ignore[no-untyped-call]
        return energies.squeeze(1)

    @torch.no_grad()
    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        """Compute ∇E_θ with respect to the features, (n, D) → (n, D).

        The chain rule is applied layer by layer. The result equals autograd's to the last bit, without the cost of its
        graph, of E_θ itself and of a second tensor for each layer: most of a training is spent here.
        """
        *hidden, last = (layer for layer in self if isinstance(layer, nn.Linear))
        activations = []
        for layer in hidden:
            z = nn.functional.leaky_relu(layer(z), _SLOPE, inplace=True)
            activations.append(z)
        gradient = last.weight.expand_as(z)
        for layer, activation in zip(reversed(hidden), reversed(activations), strict=True):
            # True: the slope is chosen by the sign of the activation, which has that of its input.
            gradient = torch.ops.aten.leaky_relu_backward(gradient, activation, _SLOPE, True) @ layer.weight
        return gradient

    @torch.no_grad()
    def scale(self, factor: float) -> None:
        """Multiply E_θ by a factor, in the weights of the last layer."""
        for parameter in self[-1].parameters():
            parameter.mul_(factor)

    def energies(self, z: Rows) -> np.ndarray:
        """Compute E_θ of (N, D) features, (N,) float64, block by block and without gradients."""
        device = next(self.parameters()).device
        with torch.inference_mode():
            return map_blocks(lambda block: self(as_tensor(block).to(device)).cpu().double().numpy(), z)


def _activation() -> nn.LeakyReLU:
    """Make a LeakyReLU that overwrites its input, which nothing else reads."""
    return nn.LeakyReLU(_SLOPE, inplace=True)


def label_correlation(data: torch.Tensor, negatives: torch.Tensor) -> torch.Tensor:
    """Correlate energy with label (0 data, 1 negative), with both groups weighted equally; clipped at 0.

    Args:
        data: (n,) energies of data.
        negatives: (m,) energies of negatives.
    """
    gap = (negatives.mean() - data.mean()).clamp_min(0)
    within = data.var(correction=0) + negatives.var(correction=0)
    return gap / (gap**2 + 2 * within).sqrt().clamp_min(1e-12)


def residual_loss(data: torch.Tensor, negatives: torch.Tensor, lambda_: float) -> torch.Tensor:
    """Compute the loss E[E_θ(z)] - E[E_θ(z')] + λ (E[E_θ(z)²] + E[E_θ(z')²]) (Eqs. 3, 5, 6).

    Args:
        data: (n,) residual energies E_θ(z) of data.
        negatives: (m,) residual energies E_θ(z') of negatives.
        lambda_: λ, the weight of Eq. 5.
    """
    return data.mean() - negatives.mean() + lambda_ * ((data**2).mean() + (negatives**2).mean())
