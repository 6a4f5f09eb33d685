"""MM++ (Hossain et al., 2026): the Mahalanobis distance in several layers, normalised and joined to one feature."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import numpy as np

from heat_core.backbones.registry import Backbone
from heat_core.detectors.base import Context, Detector
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors import GaussianMixture
from heat_core.energies.views import ViewedRows
from heat_core.errors import HeatError
from heat_core.features.chunks import map_blocks
from heat_core.features.columns import LAYERS, Column, require_stages
from heat_core.features.features import Features

_SMALLEST = 1e-8  # the authors' lower bound of the eigenvalues of which the entropy is computed


class MMPlusPlus(Detector):
    """Score: min_c (φ - μ_c)ᵀ Σ⁻¹ (φ - μ_c), φ = [z_l / ‖z_l‖] of the selected layers l, one after the other.

    z_l is the mean of layer l over its positions, μ_c are class means of φ, and Σ is the covariance that the classes
    share, shrunk by Ledoit and Wolf. The last layer is always selected; with it the K - 1 others at which the entropy
    density ρ_l = -Σ_i λ_i log λ_i / D_l drops most from the layer before (ρ_{l-1} - ρ_l > 0). λ are the eigenvalues of
    the shrunk covariance of z_l / ‖z_l‖ within the classes, divided by their sum; D_l is the width of the layer. No OOD
    image is read.

    The formulas are those of the authors' answers to their reviewers (Eq. 1 to 10, with K = 2 in the tables). Their
    layers are all blocks of the network; here they are the outputs of its stages, at most five, so that other layers
    are selected than there. Where no layer's density drops, the score is MDS++ with a shrunk covariance.

    Args:
        widths: number of channels D_l of each layer; the layers lie one after the other in the column `layers`.
        layers: K, the number of selected layers.

    Attributes:
        densities_: (L,) ρ of each layer.
        selected_: numbers of the selected layers, ascending; the last is L - 1.
        mixture_: mixture of one Gaussian per class, fitted on φ of the training features.
    """

    title, source = "MM++", "Hossain et al., 2026, arXiv:2606.17352"
    place = 212
    evidence = "features"
    reads_images = True
    slow = True  # It needs an extra column of all sets.
    densities_ = FittedAttribute[np.ndarray]()
    selected_ = FittedAttribute[list[int]]()
    mixture_ = FittedAttribute[GaussianMixture]()

    def __init__(self, widths: Sequence[int], layers: int = 2) -> None:
        if layers < 1:
            raise HeatError(f"{self.title} reads the last layer at least: layers is {layers}.")
        self.widths, self.layers = widths, layers

    @classmethod
    def for_run(cls, context: Context) -> Self:
        """Make the detector with the widths of the run's backbone; HeatError when the run has only features."""
        return cls(context.network(cls.title).layer_widths)

    @classmethod
    def train_columns(cls, backbone: Backbone | None) -> tuple[Column, ...]:
        """Return the column `layers`; HeatError if the backbone has no stages."""
        require_stages(backbone, cls.title)
        return (LAYERS,)

    def fit_features(self, train: Features) -> Self:
        """Select the layers, and fit class means and covariance of φ."""
        labels = train.required_labels(self.title)
        self.densities_ = np.array([_entropy_density(z[:], labels) for z in self._layers(train)])
        drops = -np.diff(self.densities_)[:-1]  # of the layers 1 … L - 2: the first has none before, the last is fixed
        largest = np.argsort(-drops, kind="stable")[: self.layers - 1]
        self.selected_ = [*sorted(int(i) + 1 for i in largest if drops[i] > 0), len(self.widths) - 1]
        self.mixture_ = GaussianMixture("ledoit-wolf").fit(self._joined(train), labels)
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        return map_blocks(lambda z: self.mixture_.squared_distances(z).min(axis=1), self._joined(features))

    def _layers(self, features: Features) -> list[ViewedRows]:
        column, ends = features.column(LAYERS.name), np.cumsum([0, *self.widths])
        return [ViewedRows(column[:, start:end], normalised=True) for start, end in pairwise(ends)]

    def _joined(self, features: Features) -> np.ndarray:
        """Compute φ of each image, (N, ΣD_l) float32."""
        layers = self._layers(features)
        return np.concatenate([layers[i][:] for i in self.selected_], axis=1)


def _entropy_density(z: np.ndarray, labels: np.ndarray) -> float:
    """Compute ρ of (N, D) normalised features of a layer."""
    mixture = GaussianMixture("ledoit-wolf").fit(z, labels)
    values = np.maximum(1 / np.linalg.eigvalsh(mixture.precision_), _SMALLEST)
    shares = values / values.sum()
    return float(-(shares * np.log(shares)).sum() / len(shares))
