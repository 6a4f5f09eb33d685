"""What a residual is made with, and a cache of trained residuals by prior, features, settings and seed.

A study passes `pipeline.run` a cache, so that runs that differ in something else, such as another prior or a detector,
do not train the same residual twice. A single run trains without one, so that its training can be watched.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from heat_core.digests import digest_of_array, digest_of_json
from heat_core.energies.corrected_prior import CorrectedPrior
from heat_core.energies.hybrid_model import FitOptions, HybridModel
from heat_core.energies.names import prior_kind, registry
from heat_core.energies.residual_trainer import EpochRecord
from heat_core.energies.settings import ResidualSettings
from heat_core.features.features import Features
from heat_core.version import NUMBERS_VERSION


def residual_origin(prior: str, settings: ResidualSettings, options: FitOptions) -> str:
    """Digest what the residual of a run's prior is made with beside the features, which a run does not change.

    The device is left out, so that a run may be continued on another one.

    Args:
        prior: name of the prior.
        settings: settings of the training.
        options: options of the fit, which the prior's energies follow from.
    """
    of_prior = {name: getattr(options, name) for name in ("covariance", "mixture_weights", "id_set")}
    return digest_of_json(_made_with(prior, settings, options.seed) | of_prior)


def _made_with(prior: str, settings: ResidualSettings, seed: int) -> dict[str, Any]:
    plugin = registry.origin(prior_kind(prior))
    made_with = {"version": NUMBERS_VERSION, "prior": prior, "settings": settings.as_options(), "seed": seed}
    return made_with | ({"plugin": plugin} if plugin else {})


class ResidualCache:
    """Folder of trained residuals, each named by a digest of everything that it depends on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path_for(
        self, part: CorrectedPrior, train: Features, settings: ResidualSettings, seed: int, device: str
    ) -> Path:
        """Return the path of a residual in the cache, whether it exists or not."""
        follows_from = _made_with(part.name, settings, seed) | {
            "features": digest_of_array(part.view.array(train)),
            "energies": digest_of_array(part.reference),  # they depend on the head, the covariance and published values
            "device": device,
        }
        key = digest_of_json(follows_from)
        return self.folder / f"{part.name}-{key}.safetensors"

    def restore(
        self, part: CorrectedPrior, train: Features, settings: ResidualSettings, seed: int, device: str
    ) -> bool:
        """Load the residual of a prior, and rescale it if the settings ask for it; return whether there was one."""
        exact, shared = (
            self.path_for(part, train, s, seed, device) for s in (settings, shared_settings(part, settings))
        )
        if exact.exists():
            part.load(exact)
            return True
        if not shared.exists():
            return False
        part.load(shared)
        if part.label_correlation is None:  # a file of an older version, from which it cannot be rescaled
            return False
        part.rescale(train)
        return True

    def store(self, part: CorrectedPrior, train: Features, settings: ResidualSettings, seed: int, device: str) -> None:
        """Save the residual of a prior that was trained with `shared_settings`."""
        part.save(self.path_for(part, train, settings, seed, device), settings)


def train_and_store(
    model: HybridModel,
    name: str,
    train: Features,
    device: torch.device,
    on_epoch: Callable[[EpochRecord], None],
    cache: ResidualCache | None,
) -> str | None:
    """Train the residual of a fitted prior of a model, and store it as trained; return why training stopped early.

    A residual whose training stopped early is not stored: the next run that needs it trains it again, and reports it.

    Args:
        model: model with the prior.
        name: name of the prior.
        train: the training features on which it was fitted.
        device: device of the training.
        on_epoch: callback that receives a record after each epoch.
        cache: where the residual is stored; None: nowhere.
    """
    part, settings = model.fitted[name], model.settings_of(name)
    shared = shared_settings(part, settings)
    stopped = model.train(name, train, device, on_epoch, shared)
    if cache and not stopped:
        cache.store(part, train, shared, model.options.seed, device.type)
    if settings != shared:
        part.rescale(train)
    return stopped


def shared_settings(part: CorrectedPrior, settings: ResidualSettings) -> ResidualSettings:
    """Return the settings of the training itself, which a rescaled residual shares with the same one as trained.

    These are the settings without rescaling, unless the images on which the scale is measured are left out of the
    training: a rescaled residual is then trained on others.
    """
    return settings if part.held_out else replace(settings, rescale=False)
