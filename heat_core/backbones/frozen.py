"""Base class of networks that never change, also as a part of a larger one that is trained."""

from typing import Self

from torch import nn


class FrozenModule(nn.Module):
    """Network that stays in evaluation mode, and whose parameters require no gradient.

    Gradients with respect to its input can be computed.
    """

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002 (of torch's method)
        """Do nothing: in training mode the outputs would differ, and BatchNorm would change for good."""
        return self

    def freeze(self) -> None:
        """Undo what code that goes through the modules and parameters of a larger network may have switched on."""
        for module in self.modules():
            if module.training:
                module.training = False
        for parameter in self.parameters():
            if parameter.requires_grad:
                parameter.requires_grad_(False)
