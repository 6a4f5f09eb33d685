"""MDS: the Mahalanobis distance in several layers, each after its own perturbation of the image (Lee et al., 2018)."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch

from heat_core.backbones.registry import Backbone
from heat_core.detectors.base import Context, Detector, Head
from heat_core.digests import digest_of_bytes
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors import GaussianMixture
from heat_core.features.columns import LAYERS, Batch, Column, require_stages
from heat_core.features.features import Features


class MultiLayerMahalanobis(Detector):
    """Score: Σ_l (M_l(x̂_l) - mean_l) / std_l, M_l = min_c squared Mahalanobis distance of layer l's pooled volume,
    x̂_l = x - ε sign(∇ₓ M_l(x)).

    The source weighs the layers by a logistic regression on OOD or adversarial samples. There are none here: each
    layer is standardised on the training features and counts the same. ε = 0.0014 is one of the source's grid.
    """

    title, source = "MDS", "Lee et al., NeurIPS 2018, arXiv:1807.03888"
    place = 210
    evidence = "gradients"
    reads_images = True
    slow = True  # extra columns of all sets, and the images again
    _layers = FittedAttribute[list[GaussianMixture]]()
    _mean = FittedAttribute[np.ndarray]()
    _std = FittedAttribute[np.ndarray]()
    _name = FittedAttribute[str]()

    def __init__(self, head: Head, widths: Sequence[int], epsilon: float = 0.0014, covariance: str = "auto") -> None:
        """widths: C_l of the layers, one after the other in the column `layers`."""
        super().__init__(head)
        self.widths, self.epsilon, self.covariance = widths, epsilon, covariance

    @classmethod
    def for_run(cls, head: Head, context: Context) -> Self:
        return cls(head, context.network(cls.title).layer_widths)

    @classmethod
    def is_classifier_free(cls) -> bool:
        """Its gradients are those of distances."""
        return True

    @classmethod
    def train_columns(cls, backbone: Backbone | None) -> tuple[Column, ...]:
        require_stages(backbone, cls.title)
        return (LAYERS,)

    def fit(self, train: Features) -> Self:
        layers = np.split(np.asarray(train.column("layers")), np.cumsum(self.widths)[:-1], axis=1)
        labels = train.required_labels(self.title)
        self._layers = [GaussianMixture(self.covariance).fit(z, labels) for z in layers]
        distances = [g.squared_distances(z).min(axis=1) for g, z in zip(self._layers, layers, strict=True)]
        self._mean, self._std = np.mean(distances, axis=1), np.std(distances, axis=1)
        parameters = repr((self.epsilon, self.covariance)).encode()
        fitted = (array.tobytes() for layer in self._layers for array in (layer.means_, layer.precision_))
        self._name = f"mds-{digest_of_bytes(parameters, *fitted, length=12)}"
        return self

    def test_columns(self, backbone: Backbone | None) -> tuple[Column, ...]:  # noqa: ARG002
        return (Column(self._name, self.distances, stages=True, gradients=True),)

    def distances(self, batch: Batch) -> torch.Tensor:
        """(B, L): M_l of the image perturbed for layer l."""
        found = []
        for i, classes in enumerate(self._layers):
            with torch.enable_grad():
                distance = classes.squared_distances(batch.layers[i]).amin(dim=1)
            moved = batch.perturb(distance.sum(), self.epsilon)
            with torch.no_grad():
                pooled = self._pooled(batch, moved, i)
                found.append(classes.squared_distances(pooled.float()).amin(dim=1))
        return torch.stack(found, dim=1)

    def _pooled(self, batch: Batch, pixels: torch.Tensor, layer: int) -> torch.Tensor:
        if layer == len(self._layers) - 1:
            return Batch(batch.backbone, pixels).avg
        return batch.backbone.extractor.forward_stage(pixels, layer).mean(dim=(2, 3))

    def score(self, features: Features) -> np.ndarray:
        distances = np.asarray(features.column(self._name), dtype=np.float64)
        return ((distances - self._mean) / np.where(self._std > 0, self._std, 1)).sum(axis=1)
