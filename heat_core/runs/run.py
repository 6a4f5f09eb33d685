"""Run: what was done, a folder. Opening one needs numpy alone; torch is never imported here."""

from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image

from heat_core.composition import HEAT, PLAIN, Lens, Scale
from heat_core.data.folder_scan import is_features_folder
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.features.store import load_features
from heat_core.metrics import evaluate
from heat_core.names import printable
from heat_core.runs.clusters import CLUSTERS_FILE, attach_clusters
from heat_core.runs.creation import read_info
from heat_core.runs.events import Event, read_events
from heat_core.runs.experiment import ID, TRAIN, Experiment
from heat_core.runs.feature_map import MAP_FILE, FeatureMap
from heat_core.runs.lock import is_active, is_alive
from heat_core.runs.metadata_columns import Columns
from heat_core.runs.pictures import Pictures
from heat_core.runs.record import (
    BETA_FILE,
    ENERGIES,
    HEAD_FILE,
    RunRecord,
    SetRecord,
    read_beta,
    read_head,
)
from heat_core.runs.row_names import CORRECTED, corrected_row, title_of
from heat_core.storage import expand_home, heat_home, is_folder
from heat_core.types import Head

ACTIVE = ("queued", "running")
RUN_OF_STUDY = "study-"  # before the name of a run that belongs to studies


class Run:
    """A run's folder, read.

    Attributes:
        folder: where it lives.
        info: the content of run.json.
    """

    def __init__(self, folder: Path, info: dict[str, Any]) -> None:
        self.folder, self.info = folder, info
        self._features: dict[str, Features] = {}

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a run by its folder, or by its name in HEAT_HOME/runs."""
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
        """The folder's name."""
        return self.folder.name

    @cached_property
    def experiment(self) -> Experiment:
        """What was asked for."""
        return Experiment.from_dict(self.info["experiment"])

    @property
    def status(self) -> str:
        """queued (also while its process loads), running, done, failed, cancelled; or interrupted, where its process
        is gone without a word.
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
        """Everything the job reported so far."""
        return read_events(self.folder)

    # ---- numbers -------------------------------------------------------------------------------------------------

    @property
    def has_energies(self) -> bool:
        """Whether the priors and detectors are done."""
        return (self.folder / ENERGIES).exists()

    @cached_property
    def record(self) -> RunRecord:
        """The numbers; HeatError where they are missing or damaged."""
        record = RunRecord.load(self.folder / ENERGIES)
        if len(record.sets) != len(self.datasets):
            raise HeatError(
                f"{self.folder / ENERGIES} holds {len(record.sets)} sets where the run has {len(self.datasets)}: "
                "delete it and resume the run."
            )
        return record

    @property
    def datasets(self) -> list[str]:
        """The names of the scored sets: `id` (the ID test set), then the OOD sets."""
        return [ID, *self.ood_names]

    @property
    def ood_names(self) -> list[str]:
        """The names of the OOD sets."""
        return list(self.experiment.ood)

    @property
    def scale(self) -> Scale:
        """The corrected priors, and the scale on which their hybrid energies are composed."""
        return self.record.scale

    @property
    def priors(self) -> list[str]:
        """The priors whose residual is trained so far, in the order of the columns of `energies`."""
        return list(self.scale.priors)

    @property
    def detectors(self) -> list[str]:
        """Names of everything that has a score, in the order of the tables."""
        corrected = [corrected_row(p) for p in self.priors]
        return [*self.record.titles, *corrected, *([HEAT] if corrected else [])]

    def title(self, detector: str) -> str:
        """A detector as the paper's tables print it; `heat-gmm+el` is a subset of the priors (Tab. 3)."""
        return title_of(detector, self.record.titles)

    @property
    def left_out(self) -> dict[str, str]:
        """Detectors and priors that could not run → why."""
        return self.record.left_out

    @property
    def accuracy(self) -> float | None:
        """Of the classifier on the ID test set; None where its labels are not known."""
        return self.record.accuracy

    @property
    def suggested_beta(self) -> float | None:
        """The β chosen without OOD data (see `heat_core.energies.beta`), once the residuals are trained."""
        return read_beta(self.folder / BETA_FILE)

    def _set(self, dataset: str) -> SetRecord:
        if dataset not in self.datasets:
            raise HeatError(f"This run has no set {dataset!r}: it has {', '.join(self.datasets)}.")
        return self.record.sets[self.datasets.index(dataset)]

    def prior_energies(self, dataset: str) -> np.ndarray:
        """(N, K) E_q / T, what the residuals correct."""
        return self._set(dataset).prior

    def residual_energies(self, dataset: str) -> np.ndarray:
        """(N, K) E_θ."""
        return self._set(dataset).residual

    def energies(self, dataset: str) -> np.ndarray:
        """(N, K) standardised hybrid energies (Eq. 2, App. A.2)."""
        return self.scale.standardise(self._set(dataset).hybrid)

    def scores(self, dataset: str, lens: Lens = PLAIN) -> np.ndarray:
        """(N,) HEAT scores through a lens; larger = more out-of-distribution."""
        return self.scale.scores(self._set(dataset).hybrid, lens)

    def detector_scores(self, dataset: str, detector: str, lens: Lens = PLAIN) -> np.ndarray:
        """(N,) scores of any detector by its name in the tables; the lens composes `heat` and changes no other."""
        if detector == HEAT:
            return self.scores(dataset, lens)
        if detector.startswith(CORRECTED):
            return self.scores(dataset, Lens(priors=(detector.removeprefix(CORRECTED),)))
        if detector not in self.record.titles:
            raise HeatError(f"This run has no detector {detector!r}: it has {', '.join(self.detectors)}.")
        return self._set(dataset).scores[detector]

    def threshold(self, detector: str = HEAT, lens: Lens = PLAIN) -> float:
        """Above it a sample is called OOD: the 95th percentile of the ID test scores, or the lens' own line."""
        return lens.threshold_for(detector, self.detector_scores(ID, detector, lens))

    def metrics(self, lens: Lens = PLAIN, detectors: list[str] | None = None) -> dict[str, dict[str, dict[str, float]]]:
        """Detector → OOD set (and `average`) → fpr95, auroc, aupr_in, aupr_out."""
        return {
            d: evaluate(
                self.detector_scores(ID, d, lens),
                {name: self.detector_scores(name, d, lens) for name in self.ood_names},
            )
            for d in (detectors or self.detectors)
        }

    # ---- samples -------------------------------------------------------------------------------------------------

    def ids(self, dataset: str) -> np.ndarray:
        """(N,) stable ids of the samples."""
        return self._set(dataset).ids

    @property
    def training_ids(self) -> np.ndarray:
        """Stable ids of the training samples."""
        return self.record.training_ids

    def labels(self, dataset: str) -> np.ndarray | None:
        """(N,) classes, or None where the set has none."""
        return self._set(dataset).labels

    def predicted(self, dataset: str) -> np.ndarray:
        """(N,) the class that the classifier sees; a cluster, where the ID set has no classes."""
        return self._set(dataset).predicted

    def confidence(self, dataset: str) -> np.ndarray:
        """(N,) the softmax probability of the predicted class."""
        return self._set(dataset).confidence

    def columns(self, dataset: str) -> Columns:
        """Name → (N,) what else the manifest of a set says of its samples; none where no manifest lists them."""
        return self._set(dataset).columns

    @property
    def head(self) -> Head:
        """(weight (C, D), bias (C,)) of the linear head that read `avg`."""
        return read_head(self.folder / HEAD_FILE, len(self.class_names))

    @property
    def class_names(self) -> list[str]:
        """Of the classifier; of the clusters, where the ID set has no classes."""
        return self.record.class_names

    @property
    def has_classes(self) -> bool:
        """Whether its ID set has classes; otherwise clusters of features stand for them."""
        return not (self.folder / CLUSTERS_FILE).exists()

    def features(self, dataset: str) -> Features:
        """The features of a scored set, or of `train`; HeatError where they are no longer on this machine."""
        if dataset not in self._features:
            features = load_features(self.features_folder(dataset))
            if dataset == TRAIN:
                if len(features) > len(self.training_ids):  # the run held some of its folder out
                    features = features.subset(np.flatnonzero(np.isin(features.ids, self.training_ids)))
                features = attach_clusters(self.folder, features)
            self._features[dataset] = features
        return self._features[dataset]

    def features_folder(self, dataset: str) -> Path:
        """Where the features of a scored set, or of `train`, lie; HeatError where they no longer do."""
        folder = Path(self.record.features.get(dataset, ""))
        if dataset not in self.record.features or not is_features_folder(folder):
            raise HeatError(
                f"The features of {dataset!r} are not on this machine: run the experiment here to make them again."
            )
        return folder

    def features_of(self, dataset: str, sample_id: str) -> np.ndarray:
        """(D,) `avg` of one of the run's own samples, from where its features lie."""
        features = self.features(dataset)
        if sample_id not in features.ids:
            raise HeatError(f"The features of {sample_id} are no longer on this machine.")
        return np.asarray(features.avg[features.ids.index(sample_id)])

    @cached_property
    def pictures(self) -> Pictures:
        """Of the samples of scored sets, and of `train`, from where the sets lie."""
        return Pictures(self.experiment)

    def image(self, dataset: str, sample_id: str) -> Image.Image:
        """The picture of a sample of a scored set, or of `train`; HeatError where it is gone."""
        return self.pictures.image(dataset, sample_id)

    @property
    def has_map(self) -> bool:
        """Whether the map is fitted."""
        return (self.folder / MAP_FILE).exists()

    @cached_property
    def map(self) -> FeatureMap:
        """The map of all samples; HeatError where it is missing or damaged."""
        feature_map = FeatureMap.load(self.folder / MAP_FILE)
        feature_map.require_all_of([len(s) for s in self.record.sets], self.folder / MAP_FILE)
        return feature_map
