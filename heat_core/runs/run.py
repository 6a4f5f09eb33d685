"""Folder of a run, read with numpy alone; torch is never imported here."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from PIL import Image

from heat_core.data.folder_scan import is_features_folder
from heat_core.energies.clusters import CLUSTERS_FILE, attach_clusters
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.features.store import load_features
from heat_core.names import printable
from heat_core.runs.creation import read_info
from heat_core.runs.events import Event, read_events
from heat_core.runs.experiment import TRAIN
from heat_core.runs.feature_map import MAP_FILE, FeatureMap
from heat_core.runs.lock import is_active, is_alive
from heat_core.runs.pictures import Pictures
from heat_core.runs.results_file import HEAD_FILE, read_head
from heat_core.runs.run_scores import RunScores
from heat_core.storage import expand_home, heat_home, is_folder
from heat_core.types import Head

if TYPE_CHECKING:
    from heat_core.workbench.widget import Explorer

ACTIVE = ("queued", "running")
RUN_OF_STUDY = "study-"  # prefix of the name of a run that belongs to studies


class Run(RunScores):
    """Run that was read from its folder.

    Attributes:
        folder: folder of the run.
        info: the content of run.json.
    """

    def __init__(self, folder: Path, info: dict[str, Any]) -> None:
        super().__init__(folder, info)
        self.loaded_features: dict[str, Features] = {}

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a run by its folder, or by its name in HEAT_HOME/runs.

        Raises:
            HeatError: where there is no such run, or its run.json is damaged.
        """
        folder = expand_home(path)
        if not is_folder(folder):
            folder = heat_home() / "runs" / str(path)
        if not is_folder(folder):
            raise HeatError(
                f"There is no run {printable(str(path))!r}: `python -m heat_core list` names those that exist."
            )
        return cls(folder, read_info(folder))

    @property
    def id(self) -> str:
        """Name of the folder."""
        return self.folder.name

    @property
    def status(self) -> str:
        """Status: queued (also while its process loads), running, done, failed, cancelled or interrupted.

        A run is interrupted where its process ended without writing a status.
        """
        status = str(self.info["status"])
        if status == "done" or (status == "running" and self.is_alive):
            return status
        if self.is_active:
            return "queued"
        return "interrupted" if status == "running" else status

    @property
    def is_alive(self) -> bool:
        """Whether a process works on this run now."""
        return is_alive(self.folder)

    @property
    def is_active(self) -> bool:
        """Whether a process works on this run now, or was started to and still loads."""
        return is_active(self.folder)

    def events(self) -> list[Event]:
        """Read every event that jobs reported so far."""
        return read_events(self.folder)

    @property
    def head(self) -> Head:
        """(weight (C, D), bias (C,)) of the linear head that reads `avg`."""
        return read_head(self.folder / HEAD_FILE, len(self.class_names))

    @property
    def class_names(self) -> list[str]:
        """Names of the classifier's classes; those of the clusters, where the ID set has no classes."""
        return self.record.class_names

    @property
    def has_classes(self) -> bool:
        """Whether the ID set has classes; otherwise clusters of features take their place."""
        return not (self.folder / CLUSTERS_FILE).exists()

    def features(self, dataset: str) -> Features:
        """Load the features of a scored set, or of `train`, with those of a second encoder where they are kept.

        Raises:
            HeatError: where they are no longer on this machine.
        """
        if dataset not in self.loaded_features:
            features = load_features(self.features_folder(dataset))
            second = self.record.second_features.get(dataset)
            if second and is_features_folder(Path(second)):
                features = features.with_second_encoder(load_features(Path(second)))
            if dataset == TRAIN:
                if len(features) > len(self.training_ids):  # the run held out some samples of the folder
                    features = features.subset(np.flatnonzero(np.isin(features.ids, self.training_ids)))
                features = attach_clusters(self.folder, features)
            self.loaded_features[dataset] = features
        return self.loaded_features[dataset]

    def features_folder(self, dataset: str) -> Path:
        """Return the folder of the features of a scored set, or of `train`.

        Raises:
            HeatError: where it is not on this machine.
        """
        if self.score_title is not None and dataset not in self.record.features:
            raise HeatError(f"No features of {dataset!r} were given, so that no image can be compared with them.")
        folder = Path(self.record.features.get(dataset, ""))
        if dataset not in self.record.features or not is_features_folder(folder):
            raise HeatError(
                f"The features of {dataset!r} are not on this machine: run the experiment here to make them again."
            )
        return folder

    def features_of(self, dataset: str, sample_id: str) -> np.ndarray:
        """Return the (D,) `avg` of one of the run's own samples.

        Raises:
            HeatError: where its features are no longer on this machine.
        """
        features = self.features(dataset)
        if sample_id not in features.ids:
            raise HeatError(f"The features of {sample_id} are no longer on this machine.")
        return np.asarray(features.avg[features.ids.index(sample_id)])

    @cached_property
    def pictures(self) -> Pictures:
        """Pictures of the samples of scored sets, and of `train`."""
        return Pictures(self.experiment)

    def image(self, dataset: str, sample_id: str) -> Image.Image:
        """Open the picture of a sample of a scored set, or of `train`.

        Raises:
            HeatError: where the picture can no longer be read.
        """
        return self.pictures.image(dataset, sample_id)

    def explore(
        self,
        beta: float = 0.0,
        threshold: float | None = None,
        question: str | None = None,
        filters: Mapping[str, Sequence[str]] | None = None,
    ) -> "Explorer":
        """Show the workbench over this run in a notebook (Jupyter, VS Code, marimo); needs the extra `notebook`.

        Args:
            beta: β of the composition.
            threshold: threshold of HEAT's score; None = the one that keeps 95 % of the ID test set.
            question: key of the question, among `analysis.questions.QUESTIONS`; None = the first.
            filters: facet (such as `set`) → its values to which the subset is narrowed.

        Raises:
            HeatError: without anywidget, without a corrected prior, and for a question or facet that does not exist.
        """
        from heat_core.workbench.widget import Explorer

        return Explorer(self, beta, threshold, question, filters)

    @property
    def has_map(self) -> bool:
        """Whether the map is fitted."""
        return (self.folder / MAP_FILE).exists()

    @cached_property
    def map(self) -> FeatureMap:
        """Map of all samples.

        Raises:
            HeatError: where it is missing or damaged.
        """
        feature_map = FeatureMap.load(self.folder / MAP_FILE)
        feature_map.require_all_of([len(s) for s in self.record.sets], self.folder / MAP_FILE)
        return feature_map
