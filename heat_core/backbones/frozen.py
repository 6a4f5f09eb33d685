"""Networks that never change, also as a part of a larger one that is trained."""

import copy
from typing import Self

from torch import nn

from heat_core.backbones.state_dict import first_line
from heat_core.errors import HeatError

_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)


def copy_module(module: nn.Module) -> nn.Module:
    """Copy a module; of one that is compiled or spread over devices, the plain module inside it.

    Raises:
        HeatError: where it is no module, or cannot be copied.
    """
    plain: object = module
    while isinstance(plain, _WRAPPERS) or hasattr(plain, "_orig_mod"):  # torch.compile keeps the module there
        plain = plain.module if isinstance(plain, _WRAPPERS) else plain._orig_mod
    if not isinstance(plain, nn.Module):
        raise HeatError(f"The network is a {type(plain).__name__}: give a torch.nn.Module.")
    try:
        return copy.deepcopy(plain)
    except Exception as error:  # code of the caller may raise anything
        raise HeatError(f"{type(plain).__name__} cannot be copied ({first_line(error)}).") from error


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
