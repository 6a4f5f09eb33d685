"""Residuals that were trained before: the same prior on the same features with the same settings and seed.

Who runs many experiments (a study) gives `pipeline.run` a shelf: what differs in something else, in another prior or a
detector, trains nothing twice. A run of its own trains again, for whoever watches.
"""

import json
import shutil
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path

from heat_core.energies.heat import CorrectedPrior
from heat_core.energies.settings import ResidualSettings
from heat_core.features.features import Features
from heat_core.storage import digest_of_array, replacing, writing
from heat_core.version import __version__


class Shelf:
    """A folder of trained residuals, each under a digest of everything that it follows from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, part: CorrectedPrior, train: Features, settings: ResidualSettings, seed: int, device: str) -> Path:
        """Where the residual lies, or would."""
        follows_from = {
            "version": __version__,
            "prior": part.name,
            "features": digest_of_array(part.view.of(train)),
            "energies": digest_of_array(part.reference),  # of the prior: head, covariance, published values
            "settings": asdict(settings),
            "seed": seed,
            "device": device,
        }
        key = blake2b(json.dumps(follows_from, sort_keys=True).encode(), digest_size=16).hexdigest()
        return self.folder / f"{part.name}-{key}.safetensors"

    def take(self, kept: Path, into: Path) -> bool:
        """Copy a residual into a run, where there is one."""
        if not kept.exists():
            return False
        _copy(kept, into)
        return True

    def keep(self, trained: Path, kept: Path) -> None:
        """Keep the residual of a run."""
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        _copy(trained, kept)


def _copy(source: Path, target: Path) -> None:
    with replacing(target) as beside:
        shutil.copyfile(source, beside)
