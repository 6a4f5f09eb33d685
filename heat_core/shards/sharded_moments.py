"""Moments that a Gaussian mixture is fitted on, computed in parts of a folder of features, here or on Ray."""

from collections.abc import Sequence
from functools import cached_property, reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

from heat_core.energies.moments import Moments
from heat_core.energies.views import VIEWS
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.features.store import load_features
from heat_core.names import printable
from heat_core.progress import no_progress
from heat_core.runs.events import Progress
from heat_core.shards.engine import Engine, run_in_process
from heat_core.shards.shard_plan import DEFAULT_SHARD_SIZE


class _MomentsJob:
    """Job that computes the moments of some samples of a folder of features, in the view of a prior."""

    def __init__(self, folder: Path, prior: str, class_names: Sequence[str], shard_size: int) -> None:
        self.folder, self.prior, self.shard_size = folder.resolve(), prior, shard_size
        self.class_names = list(class_names)

    def __getstate__(self) -> dict[str, Any]:
        # The features are memory-mapped files, which another machine maps anew.
        return {name: value for name, value in self.__dict__.items() if name != "_features_and_labels"}

    @cached_property
    def _features_and_labels(self) -> tuple[Features, np.ndarray]:
        """Features, and the index of each sample's class in `class_names`; read once per process."""
        features = load_features(self.folder)
        labels = features.required_labels(f"The prior {self.prior}")
        if unknown := sorted(set(features.class_names) - set(self.class_names)):
            raise HeatError(
                f"{printable(self.folder)} has the class {printable(unknown[0])}, which is not among these."
            )
        return features, np.array([self.class_names.index(name) for name in features.class_names])[labels]

    def __call__(self, number: int, report: Progress = no_progress) -> Moments:  # noqa: ARG002
        features, class_indices = self._features_and_labels
        rows = slice(number * self.shard_size, (number + 1) * self.shard_size)
        return Moments.from_rows(VIEWS[self.prior].rows(features)[rows], class_indices[rows], len(self.class_names))


def compute_moments(
    folder: Path,
    prior: str,
    class_names: Sequence[str],
    shard_size: int = DEFAULT_SHARD_SIZE,
    engine: Engine[Moments] = run_in_process,
) -> Moments:
    """Compute the moments that `GaussianMixture.fit_moments` takes, as the sum of those of all parts.

    Args:
        folder: folder of features with labels.
        prior: prior whose view of the features is used: `gmm`, `gmm-std`, …
        class_names: classes in the order of the mixture; the folder may have samples of these classes alone.
        shard_size: samples per part.
        engine: `run_in_process`, or `RayEngine(…)`.

    Raises:
        HeatError: if the folder has no labels, or a class that is not in `class_names`.
    """
    part_count = -(-len(load_features(folder)) // shard_size)
    job = _MomentsJob(folder, prior, class_names, shard_size)
    return reduce(add, engine(job, list(range(part_count)), no_progress))
