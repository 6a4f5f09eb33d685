"""Run: what was done, a folder. Opening one needs numpy alone; torch is never imported here."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from PIL import Image

from heat_core import datasets
from heat_core.composition import compose, standardise
from heat_core.errors import HeatError
from heat_core.experiment import FEATURES, PRIOR_TITLES, Experiment
from heat_core.metrics import evaluate, threshold95
from heat_core.storage import heat_home, locked, read_json, read_npz

ID = "id"
ALIVE = ("queued", "running")


def prior_row(prior: str) -> str:
    """A prior's row in the tables: its own name, but for soft-KNN, since KNN itself is another row."""
    return "soft-knn" if prior == "knn" else prior


class Run:
    """A run's folder, read.

    Attributes:
        folder: where it lives. info: the content of run.json.
    """

    def __init__(self, folder: Path, info: dict[str, Any]) -> None:
        self.folder, self.info = folder, info

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a run by its folder, or by its name in HEAT_HOME/runs."""
        folder = Path(path).expanduser()
        if not folder.is_dir():
            folder = heat_home() / "runs" / str(path)
        if not folder.is_dir():
            raise HeatError(f"There is no run {str(path)!r}: `python -m heat_core list` names those that exist.")
        info = read_json(folder / "run.json")
        if not isinstance(info, dict) or not {"experiment", "status"} <= set(info):
            raise HeatError(f"{folder / 'run.json'} does not describe a run: delete {folder} and start again.")
        return cls(folder, info)

    @property
    def id(self) -> str:
        return self.folder.name

    @cached_property
    def experiment(self) -> Experiment:
        return Experiment.from_dict(self.info["experiment"])

    @property
    def status(self) -> str:
        """queued, running, done, failed, cancelled; or interrupted, where its process is gone without a word."""
        status = self.info["status"]
        return "interrupted" if status == "running" and not self.alive else status

    @property
    def alive(self) -> bool:
        """Whether a process works on this run now."""
        return locked(self.folder / "job.lock")

    def events(self) -> list[dict[str, Any]]:
        """Everything the job reported so far; a last line that is still being written is left out."""
        path = self.folder / "events.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        events = []
        for line in lines:
            try:
                events.append(json.loads(line))
            except ValueError:  # a line cut off by a kill
                continue
        return events

    # ---- numbers -------------------------------------------------------------------------------------------------

    @cached_property
    def _arrays(self) -> dict[str, np.ndarray]:
        return read_npz(self.folder / "energies.npz")

    @property
    def has_energies(self) -> bool:
        return (self.folder / "energies.npz").exists()

    @cached_property
    def _summary(self) -> dict[str, Any]:
        """Names, standardisation and temperatures, written with the arrays and so always fitting them."""
        return json.loads(str(self._arrays["summary"]))

    @property
    def summary(self) -> dict[str, Any]:
        return self._summary

    @property
    def datasets(self) -> list[str]:
        """The names of the scored sets: `id` (the ID test set), then the OOD sets."""
        return [ID, *self.ood_names]

    @property
    def ood_names(self) -> list[str]:
        return list(self.experiment.ood)

    @property
    def priors(self) -> list[str]:
        """The priors whose residual is trained so far, in the order of the columns of `energies`."""
        return self._summary["priors"]

    @property
    def detectors(self) -> list[str]:
        """Names of everything that has a score, in the order of the tables."""
        corrected = [f"heat-{p}" for p in self.priors]
        return [*self._summary["baselines"], *corrected, *(["heat"] if corrected else [])]

    def title(self, row: str) -> str:
        """A row as the paper's tables print it; `heat-gmm+el` is a subset of the priors (Tab. 3)."""
        if row == "heat":
            return "HEAT"
        if row.startswith("heat-"):
            return "HEAT-" + "+".join(PRIOR_TITLES.get(p, p) for p in row.removeprefix("heat-").split("+"))
        return self._summary.get("titles", {}).get(row, row)

    @property
    def left_out(self) -> dict[str, str]:
        """Detectors and priors that could not run → why."""
        return self._summary["left_out"]

    @property
    def suggested_beta(self) -> float | None:
        """The β chosen without OOD data (see `heat_core.beta`), once the residuals are trained."""
        path = self.folder / "beta.json"
        return float(read_json(path)["beta"]) if path.exists() else None

    def _column(self, dataset: str, what: str) -> np.ndarray:
        if dataset not in self.datasets:
            raise HeatError(f"This run has no set {dataset!r}: it has {', '.join(self.datasets)}.")
        return self._arrays[f"{self.datasets.index(dataset)}/{what}"]

    def prior_energies(self, dataset: str) -> np.ndarray:
        """(N, K) E_q / T, what the residuals correct."""
        return self._column(dataset, "prior")

    def residual_energies(self, dataset: str) -> np.ndarray:
        """(N, K) E_θ."""
        return self._column(dataset, "residual")

    def energies(self, dataset: str) -> np.ndarray:
        """(N, K) standardised hybrid energies (Eq. 2, App. A.2)."""
        hybrid = self.prior_energies(dataset) + self.residual_energies(dataset)
        return standardise(hybrid, np.array(self._summary["mean"]), np.array(self._summary["std"]))

    def scores(self, dataset: str, beta: float = 0.0, priors: list[str] | None = None, weights=None) -> np.ndarray:
        """(N,) HEAT scores, composed with β over the given priors (default: all); larger = more OOD.

        weights: one a given prior, see `compose`.
        """
        chosen = self.priors if priors is None else list(priors)
        if not chosen or (missing := [p for p in chosen if p not in self.priors]):
            what = f"has no residual for {missing[0]!r}" if chosen else "needs at least one prior to compose"
            raise HeatError(f"This run {what}: it has {', '.join(self.priors) or 'none yet'}.")
        return compose(self.energies(dataset)[:, [self.priors.index(p) for p in chosen]], beta, weights)

    def detector_scores(self, dataset: str, detector: str, beta: float = 0.0, priors=None, weights=None) -> np.ndarray:
        """(N,) scores of any detector by its name in the tables; β, `priors` and `weights` apply to `heat`."""
        if detector == "heat":
            return self.scores(dataset, beta, priors, weights)
        if detector.startswith("heat-"):
            return self.scores(dataset, 0.0, [detector.removeprefix("heat-")])
        if detector not in self._summary["baselines"]:
            raise HeatError(f"This run has no detector {detector!r}: it has {', '.join(self.detectors)}.")
        return self._column(dataset, f"score-{detector}")

    def threshold(self, detector: str = "heat", beta: float = 0.0, priors=None, weights=None) -> float:
        """The 95th percentile of the detector's ID test scores."""
        return threshold95(self.detector_scores(ID, detector, beta, priors, weights))

    def metrics(
        self, beta: float = 0.0, priors=None, detectors=None, weights=None
    ) -> dict[str, dict[str, dict[str, float]]]:
        """detector → OOD set (and `average`) → fpr95, auroc, aupr_in, aupr_out."""
        return {
            d: evaluate(
                self.detector_scores(ID, d, beta, priors, weights),
                {name: self.detector_scores(name, d, beta, priors, weights) for name in self.ood_names},
            )
            for d in (detectors or self.detectors)
        }

    # ---- samples -------------------------------------------------------------------------------------------------

    def ids(self, dataset: str) -> np.ndarray:
        """(N,) stable ids of the samples."""
        return self._column(dataset, "ids")

    @property
    def training_ids(self) -> np.ndarray:
        """Stable ids of the training samples."""
        return self._arrays["train/ids"]

    def labels(self, dataset: str) -> np.ndarray | None:
        """(N,) classes, or None where the set has none."""
        labels = self._column(dataset, "labels")
        return labels if len(labels) else None

    def predicted(self, dataset: str) -> np.ndarray:
        """(N,) the class that the classifier sees."""
        return self._column(dataset, "predicted")

    def confidence(self, dataset: str) -> np.ndarray:
        """(N,) the softmax probability of the predicted class."""
        return self._column(dataset, "confidence")

    @property
    def head(self) -> tuple[np.ndarray, np.ndarray]:
        """(weight (C, D), bias (C,)) of the linear head that read `avg`."""
        arrays = read_npz(self.folder / "head.npz")
        return arrays["weight"], arrays["bias"]

    @property
    def class_names(self) -> list[str]:
        return self._summary["class_names"]

    def image(self, dataset: str, sample_id: str) -> Image.Image:
        """The picture of a sample of a scored set, or of `train`, from where the dataset lies."""
        if self.experiment.backbone == FEATURES:
            raise HeatError("This run was made from features: it has no pictures.")
        images, index = self._images(dataset)
        if sample_id not in index:
            raise HeatError(f"{sample_id} is no longer in {dataset!r}: its folder has changed since the run.")
        try:
            return images.open(index[sample_id])
        except OSError as error:
            raise HeatError(f"{sample_id} of {dataset!r} can no longer be read: was it moved or deleted?") from error

    def source(self, dataset: str) -> str:
        """The folder or name that a set (`train`, `id`, an OOD set) was opened from."""
        e = self.experiment
        return e.ood.get(dataset, (e.id_test or e.id) if dataset == ID else e.id)

    def _images(self, dataset: str):
        cache = self.__dict__.setdefault("_image_sets", {})
        if dataset not in cache:
            training = dataset == "train" or (dataset == ID and not self.experiment.id_test)
            images = datasets.open_dataset(self.source(dataset), "train" if training else "test")
            cache[dataset] = images, {sample: i for i, sample in enumerate(images.ids)}
        return cache[dataset]

    @property
    def has_map(self) -> bool:
        return (self.folder / "map.npz").exists()

    @cached_property
    def map(self) -> dict[str, np.ndarray]:
        """`xy` (M, 2), and per point its `dataset` (index into `datasets`; -1 = training) and `row` in that set."""
        return read_npz(self.folder / "map.npz")


def list_runs() -> list[Run]:
    """Every readable run in HEAT_HOME, newest first."""
    runs = []
    for path in (heat_home() / "runs").glob("*/run.json"):
        try:
            run = Run.open(path.parent)
            _ = run.experiment  # its description may be the damaged part
            runs.append(run)
        except HeatError:  # a damaged folder must not hide the others
            continue
    return sorted(runs, key=lambda r: r.info.get("created", 0), reverse=True)
