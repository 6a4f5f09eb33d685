"""Cache of trained residuals by prior, features, settings and seed.

A study passes `pipeline.run` a cache, so that runs that differ in something else, such as another prior or a detector,
do not train the same residual twice. A single run trains without one, so that its training can be watched.
"""

import shutil
from pathlib import Path

from heat_core.digests import digest_of_array, digest_of_json
from heat_core.energies.corrected_prior import CorrectedPrior
from heat_core.energies.names import prior_kind, registry
from heat_core.energies.settings import ResidualSettings
from heat_core.features.features import Features
from heat_core.storage import replacing, writing
from heat_core.version import NUMBERS_VERSION


class ResidualCache:
    """Folder of trained residuals, each named by a digest of everything that it depends on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path_for(
        self, part: CorrectedPrior, train: Features, settings: ResidualSettings, seed: int, device: str
    ) -> Path:
        """Return the path of a residual in the cache, whether it exists or not."""
        follows_from = {
            "version": NUMBERS_VERSION,
            "prior": part.name,
            "features": digest_of_array(part.view.array(train)),
            "energies": digest_of_array(part.reference),  # they depend on the head, the covariance and published values
            "settings": settings.as_options(),
            "seed": seed,
            "device": device,
        }
        if plugin := registry.origin(prior_kind(part.name)):
            follows_from["plugin"] = plugin
        key = digest_of_json(follows_from)
        return self.folder / f"{part.name}-{key}.safetensors"

    def restore(self, cached: Path, target: Path) -> bool:
        """Copy a residual into a run if it exists; return whether it did."""
        if not cached.exists():
            return False
        _copy(cached, target)
        return True

    def store(self, trained: Path, cached: Path) -> None:
        """Copy the residual of a run into the cache."""
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        _copy(trained, cached)


def _copy(source: Path, target: Path) -> None:
    with replacing(target) as temp_path:
        shutil.copyfile(source, temp_path)
