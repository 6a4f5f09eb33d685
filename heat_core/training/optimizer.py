"""Optimiser of a training, and its learning rate: one cycle."""

import torch
from torch import nn

from heat_core.backbones.resnet_recipe import TrainingRecipe

MOMENTUM = 0.9
_WARM_UP_SHARE = 0.2  # share of the steps during which the learning rate rises


def make_optimizer(model: nn.Module, recipe: TrainingRecipe) -> torch.optim.Optimizer:
    """Make SGD with Nesterov momentum."""
    decay = recipe.weight_decay
    return torch.optim.SGD(model.parameters(), recipe.lr, momentum=MOMENTUM, nesterov=True, weight_decay=decay)


def one_cycle(progress: float) -> float:
    """Map the progress in [0, 1] to a share of the highest learning rate: 1 at `_WARM_UP_SHARE`, 0 at the end."""
    return min(progress / _WARM_UP_SHARE, (1 - progress) / (1 - _WARM_UP_SHARE))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
