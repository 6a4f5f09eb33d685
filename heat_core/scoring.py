"""New images through a finished run: the same backbone, head, priors and residuals, without the run's own images.

The residuals are read back, the priors are fitted again on the training features that the run kept on disk: seconds,
and nothing more to store.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from scipy.special import softmax

from heat_core.backbones import load_backbone
from heat_core.datasets import ImageSet, from_files
from heat_core.embedding import place
from heat_core.errors import HeatError
from heat_core.experiment import FEATURES
from heat_core.explanation import training_features
from heat_core.extraction import auto_device, extract
from heat_core.features import Features
from heat_core.heads import logits_of
from heat_core.heat import restore
from heat_core.results import Run
from heat_core.storage import read_npz, write_npz

Report = Callable[..., None]
RESULT = "scored.npz"


@dataclass(frozen=True)
class Scored:
    """New images as a run sees them.

    Attributes:
        ids: (N,) file names. prior: (N, K) E_q / T and residual: (N, K) E_θ, in the order of `run.priors`. predicted:
        (N,) class indices. confidence: (N,) softmax of it. avg: (N, D) features. xy: (N, 2) on the run's map; (0, 2)
        where it has none. skipped: names of files that could not be read.
    """

    ids: np.ndarray
    prior: np.ndarray
    residual: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    avg: np.ndarray
    xy: np.ndarray
    skipped: np.ndarray

    def save(self, path: Path) -> None:
        write_npz(path, self.__dict__)

    @classmethod
    def load(cls, path: Path) -> Self:
        try:
            return cls(**read_npz(path))
        except TypeError as error:
            raise HeatError(f"{path} does not hold scored images: score them again.") from error


def score(run: Run, paths: list[Path], report: Report = lambda *a, **k: None) -> Scored:
    """Score images (files, or folders of them) with a run.

    Raises:
        HeatError: where the run has no residual yet, was made from features, its training features are gone, or no
            image can be read.
    """
    if run.experiment.backbone == FEATURES:
        raise HeatError("This run was made from features: it knows no backbone that could read images.")
    if not run.has_energies or not run.priors:
        raise HeatError(f"Run {run.id} has no trained residual yet: wait for it, or resume it.")
    images = from_files(paths)
    e = run.experiment
    report("features", f"Loading {e.backbone}.")
    backbone = load_backbone(e.backbone, e.weights, e.image_size)
    features = _features(backbone, images, e.batch_size, report)
    report("priors", "Fitting the priors on the run's training features.")
    train, head = training_features(run), run.head
    parts = [
        restore(p, train, head, e.covariance, e.id_set, run.folder / f"residual-{p}.safetensors") for p in run.priors
    ]
    logits = logits_of(features, head)
    return Scored(
        ids=np.array(features.ids),
        prior=np.column_stack([p.prior_energy(features) / p.temperature for p in parts]),
        residual=np.column_stack([p.residual_energy(features) for p in parts]),
        predicted=logits.argmax(axis=1),
        confidence=softmax(logits, axis=1).max(axis=1),
        avg=np.asarray(features.avg),
        xy=place(run.map, features) if run.has_map and "axes" in run.map else np.empty((0, 2), np.float32),
        skipped=np.array(features.skipped, dtype=str),
    )


def _features(backbone, images: ImageSet, batch_size: int, report: Report) -> Features:
    def progress(record: dict) -> None:
        report("features", f"{record['done']} of {record['total']} images", **record)

    return extract(backbone, images, auto_device(), batch_size, on_progress=progress)
