"""The model of HEAT: priors, residuals and the scale of their energies, by which runs, guards and arrays score."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from heat_core.composition import Scale
from heat_core.energies.corrected_prior import CorrectedPrior, fit_prior
from heat_core.energies.names import spec_of
from heat_core.energies.residual_trainer import EpochRecord
from heat_core.energies.settings import ResidualSettings, settings_for
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.features.heads import HeadChoice

NO_CLASSES = "it needs a classifier, and the ID set has no classes."


class FitOptions(Protocol):
    """Options of the fit, which an `Experiment` and the estimator `HEAT` have under the same names.

    Attributes:
        preset: quick, paper or released, see `settings_for`.
        settings: option → value, changes of the preset; None = none.
        covariance: covariance estimator of the mixtures, see `GaussianMixture`.
        mixture_weights: class weights of the mixtures, see `GaussianMixture`.
        seed: seed of each residual's first weights and draws.
        id_set: cifar10, cifar100, imagenet or "", the ID set whose published values a prior uses.
    """

    preset: str
    settings: Any
    covariance: str
    mixture_weights: str
    seed: int

    @property
    def id_set(self) -> str:
        """The ID set whose published values a prior uses."""
        ...


class HybridModel:
    """Priors that are fitted one by one, and then get their residuals one by one.

    Args:
        options: options of the fit.
        head: the linear head that priors of the logits read.
        has_classes: whether there is a classifier; without one, priors that read logits are refused.

    Attributes:
        fitted: name → fitted prior, in the order of the fits.
        trained: the priors whose residual is trained or loaded, in this order.
        scale: standardisation scale of the hybrid energies of the trained ones (App. A.2).
    """

    def __init__(self, options: FitOptions, head: HeadChoice, has_classes: bool) -> None:
        self.options, self.head, self.has_classes = options, head, has_classes
        self.fitted: dict[str, CorrectedPrior] = {}
        self.trained: list[CorrectedPrior] = []
        self.scale = Scale((), np.empty(0), np.empty(0))

    def fit_prior(self, name: str, train: Features) -> CorrectedPrior:
        """Fit a prior on the training features.

        Raises:
            HeatError: where the prior needs a classifier or a column that there is not, or cannot be fitted.
        """
        if not self.has_classes and spec_of(name).needs_head:
            raise HeatError(NO_CLASSES)
        o, head = self.options, self.head
        self.fitted[name] = fit_prior(name, train, head.head, o.covariance, head.refit, o.id_set, o.mixture_weights)
        return self.fitted[name]

    def settings_of(self, name: str) -> ResidualSettings:
        """Return the settings with which the residual of a prior is trained."""
        return settings_for(name, self.options.preset, dict(self.options.settings or {}))

    def train(
        self,
        name: str,
        train: Features,
        device: torch.device,
        on_epoch: Callable[[EpochRecord], None],
        settings: ResidualSettings | None = None,
    ) -> str | None:
        """Train the residual of a fitted prior (Algorithm 1); return why training stopped early, or None.

        Args:
            name: name of the prior.
            train: the training features on which it was fitted.
            device: device of the training.
            on_epoch: callback that receives a record after each epoch.
            settings: settings of the training; default: `settings_of` the prior.
        """
        settings = settings or self.settings_of(name)
        return self.fitted[name].train(train, settings, device, self.options.seed, on_epoch)

    def add_trained(self, name: str, train: Features) -> CorrectedPrior:
        """Add a prior with its residual to the model, standardised by its energies of the training features."""
        part, before = self.fitted[name], self.scale
        mean, std = part.statistics(train)
        std = std if std > 0 else 1.0  # a constant energy is only shifted
        self.scale = Scale((*before.priors, name), np.r_[before.mean, mean], np.r_[before.std, std])
        self.trained.append(part)
        return part


def hybrid_energies(parts: Sequence[CorrectedPrior], features: Features) -> tuple[np.ndarray, np.ndarray]:
    """Compute E_q / T and E_θ of corrected priors, whose sum is the hybrid energy (Eq. 2).

    Args:
        parts: K corrected priors.
        features: features of N samples.

    Returns:
        (N, K) energies of the priors and (N, K) energies of the residuals, both float64.
    """
    shape = len(features), len(parts)
    prior, residual = np.empty(shape), np.empty(shape)
    for i, part in enumerate(parts):
        prior[:, i] = part.prior_energy(features) / part.temperature
        residual[:, i] = part.residual_energy(features)
    return prior, residual
