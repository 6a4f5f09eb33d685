"""MDS (Lee et al., 2018): the sum of Mahalanobis distances in several layers, each of an image perturbed for it."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch

from heat_core.backbones.registry import Backbone
from heat_core.detectors.base import Context, Detector
from heat_core.digests import digest_of_bytes
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors import GaussianMixture
from heat_core.features.columns import LAYERS, Batch, Column, require_stages
from heat_core.features.features import Features


class MDS(Detector):
    """Score: Σ_l (M_l(x̂_l) - mean_l) / std_l, x̂_l = x - ε sign(∇ₓ M_l(x)).

    M_l(x) = min_c squared Mahalanobis distance of the pooled feature volume of layer l to the mean of class c. The
    source weights the layers by a logistic regression on OOD or adversarial samples. Here each layer is standardised on
    the training features (of unperturbed images), and all have the same weight. ε = 0.0014 is a value of the source's
    grid.

    Args:
        widths: number of channels C_l of each layer; the layers lie one after the other in the column `layers`.
        epsilon: ε, for pixels in [0, 1].
        covariance: see `GaussianMixture`.

    Attributes:
        layers_: mixture of one Gaussian per class for each layer.
    """

    title, source = "MDS", "Lee et al., NeurIPS 2018, arXiv:1807.03888"
    place = 210
    evidence = "gradients"
    reads_images = True
    slow = True  # It needs extra columns of all sets and reads the images again.
    layers_ = FittedAttribute[list[GaussianMixture]]()
    _mean = FittedAttribute[np.ndarray]()
    _std = FittedAttribute[np.ndarray]()
    _name = FittedAttribute[str]()

    def __init__(self, widths: Sequence[int], epsilon: float = 0.0014, covariance: str = "auto") -> None:
        self.widths, self.epsilon, self.covariance = widths, epsilon, covariance

    @classmethod
    def for_run(cls, context: Context) -> Self:
        """Make the detector with the widths of the run's backbone; HeatError when the run has only features."""
        return cls(context.network(cls.title).layer_widths)

    @classmethod
    def is_classifier_free(cls) -> bool:
        """Return True: its gradients are those of distances, not of the classifier."""
        return True

    @classmethod
    def train_columns(cls, backbone: Backbone | None) -> tuple[Column, ...]:
        """Return the column `layers`; HeatError if the backbone has no stages."""
        require_stages(backbone, cls.title)
        return (LAYERS,)

    def fit_features(self, train: Features) -> Self:
        """Fit class means and covariance of each layer, and mean and deviation of each layer's distances."""
        layers = np.split(np.asarray(train.column("layers")), np.cumsum(self.widths)[:-1], axis=1)
        labels = train.required_labels(self.title)
        self.layers_ = [GaussianMixture(self.covariance).fit(z, labels) for z in layers]
        distances = [g.squared_distances(z).min(axis=1) for g, z in zip(self.layers_, layers, strict=True)]
        self._mean, self._std = np.mean(distances, axis=1), np.std(distances, axis=1)
        parameters = repr((self.epsilon, self.covariance)).encode()
        fitted = (array.tobytes() for layer in self.layers_ for array in (layer.means_, layer.precision_))
        self._name = f"mds-{digest_of_bytes(parameters, *fitted, length=12)}"
        return self

    def test_columns(self, backbone: Backbone | None) -> tuple[Column, ...]:  # noqa: ARG002
        """Return the column of `distances`, whose name holds a digest of the fitted parameters."""
        return (Column(self._name, self.distances, stages=True, gradients=True),)

    def distances(self, batch: Batch) -> torch.Tensor:
        """Compute M_l of each image perturbed for layer l, (B, L)."""
        distances = []
        for i, classes in enumerate(self.layers_):
            with torch.enable_grad():
                distance = classes.squared_distances(batch.layers[i]).amin(dim=1)
            moved = batch.perturb(distance.sum(), self.epsilon)
            with torch.no_grad():
                pooled = self._pooled(batch, moved, i)
                distances.append(classes.squared_distances(pooled.float()).amin(dim=1))
        return torch.stack(distances, dim=1)

    def _pooled(self, batch: Batch, pixels: torch.Tensor, layer: int) -> torch.Tensor:
        if layer == len(self.layers_) - 1:
            return Batch(batch.backbone, pixels).avg
        return batch.backbone.extractor.forward_stage(pixels, layer).mean(dim=(2, 3))

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        distances = np.asarray(features.column(self._name), dtype=np.float64)
        return ((distances - self._mean) / np.where(self._std > 0, self._std, 1)).sum(axis=1)
