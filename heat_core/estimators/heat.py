"""HEAT as an estimator: fit on the features of known samples, then score others (Lafon et al., ICML 2023)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from tqdm import tqdm

from heat_core.backbones.registry import Backbone
from heat_core.composition import Lens, compose
from heat_core.energies.clusters import fit_cluster_head, label_by_clusters
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.hybrid_model import HybridModel, hybrid_energies
from heat_core.energies.names import PRIORS, spec_of
from heat_core.energies.residual_trainer import EpochRecord
from heat_core.energies.settings import settings_for
from heat_core.errors import HeatError
from heat_core.estimators.base import OODEstimator
from heat_core.estimators.inputs import check_head
from heat_core.estimators.loader_features import extract
from heat_core.features.batches import auto_device
from heat_core.features.features import Features
from heat_core.features.heads import HeadChoice, choose_head, logits_of
from heat_core.guard.guard import Guard
from heat_core.guard.network import Network

_NOTE = "Calibrated on {} known samples on which nothing was fitted."


class HEAT(OODEstimator):
    """HEAT on features: priors, each corrected by a residual energy network, and composed by β.

    It computes what a run computes (`heat_core.run`), by the same code.

    Args:
        priors: names of the priors, see `heat_core.energies.names`; None = the paper's three, without those that need
            `std` or a classifier where there is none.
        preset: quick, paper or released, the settings with which the residuals are trained.
        beta: β of the composition (Eq. 7). It may be changed after the fit and after `calibrate`.
        weights: one non-negative weight for each prior; None = equal weights. They may be changed as β.
        alpha: share of known samples that `predict` may call OOD. It may be changed as β.
        settings: changes of the preset, option → value (see `ResidualSettings.as_options`).
        covariance: covariance of the mixtures: auto, empirical or ledoit-wolf.
        mixture_weights: class weights of the mixtures: uniform or empirical.
        id_set: cifar10, cifar100, imagenet or "": the ID set whose published values a prior uses.
        clusters: number of clusters that replace the classes where `fit` gets no `y`; None = a number by the samples.
        device: device of the training; None = a GPU if there is one.
        seed: seed of every draw.
        verbose: whether progress bars are shown.

    Attributes:
        model_: priors, residuals and scale.
        class_names_: names of the classes of the head.
        backbone_: network of the features after `from_model`, else None.

    Examples:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> y = rng.integers(4, size=200)
        >>> z = rng.normal(size=(4, 8))[y] + 0.1 * rng.normal(size=(200, 8))
        >>> heat = HEAT(priors=["gmm"], settings={"epochs": 1, "updates": 5}).fit(z, y)
        >>> heat.ood_score(z[:3]).shape
        (3,)
    """

    model_ = FittedAttribute[HybridModel]()
    class_names_ = FittedAttribute[list[str]]()
    backbone_ = FittedAttribute[Backbone | None]()

    def __init__(
        self,
        priors: Sequence[str] | None = None,
        *,
        preset: str = "quick",
        beta: float = 0.0,
        weights: Sequence[float] | None = None,
        alpha: float = 0.05,
        settings: Mapping[str, Any] | None = None,
        covariance: str = "auto",
        mixture_weights: str = "uniform",
        id_set: str = "",
        clusters: int | None = None,
        device: str | torch.device | None = None,
        seed: int = 0,
        verbose: bool = False,
    ) -> None:
        self.priors, self.preset, self.beta, self.weights, self.alpha = priors, preset, beta, weights, alpha
        self.settings, self.covariance, self.mixture_weights = settings, covariance, mixture_weights
        self.id_set, self.clusters, self.device, self.seed, self.verbose = id_set, clusters, device, seed, verbose

    @classmethod
    def from_model(
        cls,
        model: torch.nn.Module | Backbone | str,
        loader: Iterable[Any],
        calibration: Iterable[Any] | None = None,
        *,
        image_key: str = "image",
        label_key: str | None = "label",
        **options: Any,
    ) -> Self:
        """Fit on the features of a loader's images, and keep the network for the guard.

        The network's own head is used where it classifies most of the images as they are labelled, as in a run.

        Args:
            model: as in `extract`. For a guard that scores images, and not only pixels and features, give
                `Backbone.wrap(module, transform)` or the name of a backbone.
            loader: batches of known images, as in `extract`.
            calibration: batches of other known images for `calibrate`, or None.
            image_key: key of the images, where batches are dictionaries.
            label_key: key of the labels, where batches are dictionaries; None = labels are not read.
            **options: arguments of the constructor; its `device` also runs the network.

        Raises:
            HeatError: as `extract` and `fit`.
        """
        heat = cls(**options)
        read = partial(extract, image_key=image_key, label_key=label_key, device=heat.device, progress=heat.verbose)
        train = read(model, loader)
        head, class_names = train.head_of_labels()
        heat.fit(train.avg, train.labels, std=train.std, head=head)
        heat.backbone_, heat.class_names_ = train.backbone, class_names or heat.class_names_
        if calibration is not None:
            known = read(train.backbone, calibration)
            heat.calibrate(known.avg, std=known.std)
        return heat

    @property
    def false_alarm_rate(self) -> float:
        """Share of known samples that `predict` may call OOD: `alpha`."""
        return self.alpha

    def energies(self, z: Any, *, std: Any = None) -> dict[str, np.ndarray]:
        """Compute the hybrid energies E_q / T + E_θ (Eq. 2): prior → (N,) float64, not standardised."""
        hybrid = self._score_arrays(self._features(z, std))
        return dict(zip(self.model_.scale.priors, hybrid.T, strict=True))

    def to_guard(self, name: str = "HEAT") -> Guard:
        """Make a guard, which can be saved, loaded without the training features, and score features.

        Args:
            name: name of the guard.

        Raises:
            HeatError: before `calibrate`, since a guard gives p-values.
        """
        model = self.model_
        calibration = self.calibration_
        return Guard(
            name=name,
            network=None if self.backbone_ is None else Network.from_backbone(self.backbone_, None, None),
            head=model.head.head,
            parts=model.trained,
            scale=model.scale,
            lens=self._lens,
            class_names=self.class_names_,
            calibration=calibration,
            calibration_note=_NOTE.format(f"{len(calibration):,}"),
        )

    def save(self, path: str | Path) -> None:
        """Write a guard to one file, as `heat pack` does; `Guard.load` reads it.

        Raises:
            HeatError: before `calibrate`, or where the file cannot be written.
        """
        self.to_guard().save(path)

    @property
    def _lens(self) -> Lens:
        return Lens(self.beta, weights=self.weights, alpha=self.alpha)  # type: ignore[arg-type]  # Lens makes it a tuple

    def _fit_arrays(self, train: Features, head: Any) -> None:
        """Fit the head, then the priors, then their residuals, in the order of a run."""
        self.backbone_ = None
        if self.classes_ is not None and len(self.classes_) < 2:
            raise HeatError("y has one class: give samples of two or more, or leave y out.")
        has_classes = self.classes_ is not None or head is not None
        names = self._choose_priors(train, has_classes)
        if train.labels is None:
            train = label_by_clusters(train, self.clusters, self.seed)
        model = HybridModel(self, self._choose_head(head, train), has_classes)
        for name in names:
            model.fit_prior(name, train)
        self._n_std_features = None if train.std is None else train.std.shape[1]
        device = auto_device() if self.device is None else torch.device(self.device)
        for name in names:
            with tqdm(desc=name, unit=" epochs", disable=not self.verbose) as bar:
                model.train(name, train, device, _count_epochs(bar))
            model.add_trained(name, train)
        self.model_ = model

    def _choose_priors(self, train: Features, has_classes: bool) -> list[str]:
        """List the priors, and refuse settings that would fail only after the training."""
        if self.priors is None:
            specs = {name: spec_of(name) for name in PRIORS}
            names = [p for p, spec in specs.items() if has_classes or not spec.needs_head]
            names = [p for p in names if specs[p].column == "avg" or train.std is not None]
        else:
            names = list(self.priors)
        for name in names:
            spec = spec_of(name)
            if spec.column == "std" and train.std is None:
                raise HeatError(f"std is missing: the prior {name} reads it.")
            if spec.needs_head and not has_classes:
                raise HeatError(f"y is missing: the prior {name} reads the logits of a classifier. Give y, or head.")
            settings_for(name, self.preset, dict(self.settings or {}))
        replace(self._lens, priors=tuple(names)).select_priors(names)
        compose(np.zeros((1, len(names))), self.beta, self.weights)
        return names

    def _choose_head(self, head: Any, train: Features) -> HeadChoice:
        """Choose the given head, or fit one, and name the classes of its rows."""
        if head is not None:
            given, self.class_names_ = check_head(head, train, self.classes_)
            return HeadChoice(given, None, "The given head is used.")
        self.class_names_ = train.class_names
        return fit_cluster_head(train) if self.classes_ is None else choose_head(None, train)

    def _score_arrays(self, features: Features) -> np.ndarray:
        """Compute the (N, K) hybrid energies."""
        self._require_std(features)
        prior, residual = hybrid_energies(self.model_.trained, features)
        return prior + residual

    def _compose(self, energies: np.ndarray) -> np.ndarray:
        return self.model_.scale.scores(energies, self._lens)

    def _require_std(self, features: Features) -> None:
        """Refuse samples without the `std` that a prior reads, or with one of another dimension."""
        readers = [part.name for part in self.model_.trained if part.view.column == "std"]
        if not readers:
            return
        if features.std is None:
            raise HeatError(f"std is missing: the prior {readers[0]} reads it, and was fitted with it.")
        if features.std.shape[1] != self._n_std_features:
            raise HeatError(f"std has {features.std.shape[1]} features, and had {self._n_std_features} in fit.")

    def _predicted_class(self, features: Features) -> np.ndarray:
        return logits_of(features, self.model_.head.head).argmax(axis=1)


def _count_epochs(bar: "tqdm[Any]") -> Callable[[EpochRecord], None]:
    """Make a callback that shows an epoch's number and loss in a progress bar."""

    def on_epoch(record: EpochRecord) -> None:
        bar.total = record["epochs"]
        bar.set_postfix(loss=f"{record['loss']:.4f}", refresh=False)
        bar.update()

    return on_epoch
