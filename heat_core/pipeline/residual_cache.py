"""Residuals that were trained before: the same prior on the same features with the same settings and seed.

Who runs many experiments (a study) gives `pipeline.run` a cache: what differs in something else, in another prior or a
detector, trains nothing twice. A run of its own trains again, for whoever watches.
"""

import shutil
from pathlib import Path

from heat_core.digests import digest_of_array, digest_of_json
from heat_core.energies.heat import CorrectedPrior
from heat_core.energies.settings import ResidualSettings
from heat_core.features.features import Features
from heat_core.storage import replacing, writing
from heat_core.version import __version__


class ResidualCache:
    """A folder of trained residuals, each under a digest of everything that it follows from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path_for(
        self, part: CorrectedPrior, train: Features, settings: ResidualSettings, seed: int, device: str
    ) -> Path:
        """Where the residual lies, or would."""
        follows_from = {
            "version": __version__,
            "prior": part.name,
            "features": digest_of_array(part.view.array(train)),
            "energies": digest_of_array(part.reference),  # of the prior: head, covariance, published values
            "settings": settings.as_options(),
            "seed": seed,
            "device": device,
        }
        key = digest_of_json(follows_from)
        return self.folder / f"{part.name}-{key}.safetensors"

    def restore(self, cached: Path, target: Path) -> bool:
        """Copy a residual into a run, where there is one."""
        if not cached.exists():
            return False
        _copy(cached, target)
        return True

    def store(self, trained: Path, cached: Path) -> None:
        """Keep the residual of a run."""
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        _copy(trained, cached)


def _copy(source: Path, target: Path) -> None:
    with replacing(target) as temp_path:
        shutil.copyfile(source, temp_path)
