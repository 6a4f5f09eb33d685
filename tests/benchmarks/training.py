"""What training a residual costs, against the released form."""

import numpy as np

from tests.benchmarks.case import Case, Job
from tests.benchmarks.detectors import features, head_of

DIM, CLASSES = 512, 10


def _mixture(n: int, dim: int, classes: int, normalised: bool):
    from heat_core.energies.priors import GaussianMixture

    z, y, centres = features(n, dim, classes)
    if normalised:
        z /= np.linalg.norm(z, axis=1, keepdims=True)
    return GaussianMixture().fit(z, y), z, centres


def _released_mixture(mixture):
    import torch

    from tests.benchmarks.released import Mixture

    covariance = torch.from_numpy(np.linalg.inv(mixture.precision_)).float()
    return Mixture(torch.from_numpy(mixture.means_).float(), (covariance + covariance.T) / 2)


def _gradient_work(quick: bool):
    import torch

    dim, classes = (512, 100) if quick else (2048, 1000)
    mixture, z, _ = _mixture(3 * dim, dim, classes, False)
    return mixture, torch.from_numpy(z[:256])


def _our_gradient(quick: bool) -> Job:
    mixture, z = _gradient_work(quick)
    return lambda: (mixture.energy(z), mixture.gradient(z))


def _released_gradient(quick: bool) -> Job:
    import torch

    mixture, z = _gradient_work(quick)
    released = _released_mixture(mixture)

    def both():
        leaf = z.clone().requires_grad_()
        energy = released.energy(leaf)
        return energy, torch.autograd.grad(energy.sum(), leaf)[0]

    return both


def _settings(prior: str, quick: bool):
    from heat_core.energies.settings import settings_for

    return settings_for(prior, "released", {"langevin_steps": 4} if quick else {})


def _small_trainer(prior_name: str):
    """A trainer of 600 × 16 features in preset quick, and a batch of them."""
    import torch

    from heat_core.energies.priors import EnergyLogits
    from heat_core.energies.residual_trainer import ResidualTrainer
    from heat_core.energies.settings import settings_for
    from heat_core.energies.views import VIEWS

    s = settings_for(prior_name, "quick")
    mixture, z, centres = _mixture(600, 16, 6, prior_name == "gmm")
    prior = mixture if prior_name == "gmm" else EnergyLogits(*head_of(centres)).fit(z)
    trainer = ResidualTrainer(prior, torch.from_numpy(z), s, 100.0, lambda t: VIEWS[prior_name].project(t, True))
    return trainer, torch.from_numpy(z[: s.batch_size])


def _our_small_step(prior_name: str):
    def prepare(quick: bool) -> Job:
        trainer, data = _small_trainer(prior_name)
        return lambda: trainer.update(data)

    return prepare


def _plain_small_step(prior_name: str):
    """Make the same update, with the residual's gradient by autograd and layers that keep their inputs."""

    def prepare(quick: bool) -> Job:
        import torch
        from torch import nn

        trainer, data = _small_trainer(prior_name)
        for layer in trainer.residual:
            if isinstance(layer, nn.LeakyReLU):
                layer.inplace = False

        def by_autograd(z):
            leaf = z.detach().requires_grad_()
            return torch.autograd.grad(trainer.residual(leaf).sum(), leaf)[0]

        trainer.residual.gradient = by_autograd
        return lambda: trainer.update(data)

    return prepare


def _our_step(prior_name: str):
    def prepare(quick: bool) -> Job:
        import torch

        from heat_core.energies.priors import EnergyLogits
        from heat_core.energies.residual_trainer import ResidualTrainer
        from heat_core.energies.views import VIEWS

        s = _settings(prior_name, quick)
        mixture, z, centres = _mixture(6000, DIM, CLASSES, prior_name == "gmm")
        prior = mixture if prior_name == "gmm" else EnergyLogits(*head_of(centres)).fit(z)
        view = VIEWS[prior_name]
        trainer = ResidualTrainer(prior, torch.from_numpy(z), s, s.temperature, lambda t: view.project(t, True))
        data = torch.from_numpy(z[: s.batch_size])
        return lambda: trainer.update(data)

    return prepare


def _released_step(prior_name: str):
    def prepare(quick: bool) -> Job:
        import torch

        from tests.benchmarks.released import Logits, network, step

        s = _settings(prior_name, quick)
        mixture, z, centres = _mixture(6000, DIM, CLASSES, prior_name == "gmm")
        w, b = (torch.from_numpy(part) for part in head_of(centres))
        prior = _released_mixture(mixture) if prior_name == "gmm" else Logits(w, b)
        residual = network(DIM, s.width)
        optimiser = torch.optim.Adam(residual.parameters(), lr=s.learning_rate, betas=(s.adam_beta1, 0.999))
        data = torch.from_numpy(z[: s.batch_size])
        return lambda: step(prior, residual, optimiser, data, s, prior_name == "gmm")

    return prepare


def _products(batch: int, steps: int, negatives: int, width: int = 1024, dim: int = DIM) -> float:
    """Forward and backward in the input a Langevin step; all three products of an update."""
    weights = dim * width + 4 * width**2
    return 2 * weights * (2 * steps * batch + 3 * (1 + negatives) * batch)


CASES = [
    Case(
        "gmm_gradient_imagenet",
        "mixture's energy and gradient: 256 × 2048, 1000 classes",
        _our_gradient,
        _released_gradient,
        "released form",
        100,
        2 * 2 * 256 * 2048 * (2048 + 1000),
    ),
    Case(
        "train_step_cifar",
        "one update of GMM's residual: batch 1024 × 512, 40 Langevin steps",
        _our_step("gmm"),
        _released_step("gmm"),
        "released form",
        2.3,
        _products(1024, 40, 2) + 2 * 1024 * 40 * DIM**2,
    ),
    Case(
        "train_step_el",
        "one update of EL's residual: batch 256 × 512, 50 Langevin steps",
        _our_step("el"),
        _released_step("el"),
        "released form",
        2.3,
        _products(256, 50, 2),
    ),
    *(
        Case(
            f"train_step_small_{prior}",
            f"one update of {title}'s residual, preset quick: batch 256 × 16, 10 Langevin steps",
            _our_small_step(prior),
            _plain_small_step(prior),
            "autograd",
            1.1,
            _products(256, 10, negatives, 256, 16),
        )
        for prior, title, negatives in (("gmm", "GMM", 2), ("el", "EL", 1))
    ),
]
