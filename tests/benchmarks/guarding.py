"""What a guard costs beside the network that it guards (Tab. 12 of the paper)."""

import numpy as np

from tests.benchmarks.case import Case, Job

_IMAGES, _CLASSES, _SIZE = 32, 1000, 224


def _network():
    import timm
    import torch

    torch.manual_seed(0)
    return timm.create_model("resnet50")


def _pixels(quick: bool):
    import torch

    return torch.randn(8 if quick else _IMAGES, 3, _SIZE, _SIZE)


def _bare(quick: bool) -> Job:
    import torch

    network, pixels = _network().eval(), _pixels(quick)

    def run():
        with torch.inference_mode():
            return network(pixels)

    return run


def _corrected_priors(head):
    """The paper's three priors with untrained residuals, fitted on random features."""
    from heat_core.energies.corrected_prior import fit_prior
    from heat_core.energies.names import PRIORS
    from heat_core.energies.residual import ResidualMLP
    from heat_core.features.features import Features

    rng, dim = np.random.default_rng(0), 2048
    z = rng.random((4 * dim, dim), dtype=np.float32)
    train = Features(z, z[::-1].copy(), np.arange(len(z)) % _CLASSES, [str(i) for i in range(len(z))])
    parts = []
    for name in PRIORS:
        part = fit_prior(name, train, head, "empirical")
        part.temperature, part.residual = 1000.0, ResidualMLP(dim)
        parts.append(part)
    return parts


def _guarded(quick: bool) -> Job:
    """The paper's three priors with residuals of its size, at ResNet-50's 2,048 dimensions; fitted on random features,
    on which the time does not depend."""
    import torch
    from timm.data import resolve_data_config

    from heat_core.backbones.registry import Backbone
    from heat_core.composition import Lens, Scale
    from heat_core.energies.names import PRIORS
    from heat_core.guard.conformal import Calibration
    from heat_core.guard.guard import Guard
    from heat_core.guard.network import Network

    model = _network()
    backbone = Backbone.from_timm(model, "resnet50", resolve_data_config({}, model=model))
    parts = _corrected_priors(backbone.head)
    zeros = np.zeros(100)
    guard = Guard(
        name="benchmark",
        network=Network.from_backbone(backbone, None, None),
        head=backbone.head,
        parts=parts,
        scale=Scale(PRIORS, np.zeros(3), np.ones(3)),
        lens=Lens(),
        class_names=[str(c) for c in range(_CLASSES)],
        calibration=Calibration(zeros, zeros.astype(int)),
        calibration_note="",
    )
    module, pixels = guard.module(), _pixels(quick)

    def run():
        with torch.inference_mode():
            return module(pixels)

    return run


CASES = [
    Case(
        "guard_resnet50",
        f"{_IMAGES} images of {_SIZE} px through ResNet-50 and the guard's three corrected priors",
        _guarded,
        _bare,
        "the bare network",
        0.95,
    )
]
