"""AdaSCALE-A (Regmi, 2025): the energy of scaled activations, scaled less where a small change shifts them more."""

from typing import ClassVar, Self

import numpy as np
import torch
from scipy.special import logsumexp
from torch.nn.functional import linear

from heat_core.backbones.registry import Backbone
from heat_core.detectors.base import Detector, digest_with_head
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.views import VIEWS
from heat_core.errors import HeatError
from heat_core.features.chunks import blocks
from heat_core.features.columns import Batch, Column
from heat_core.features.features import Features
from heat_core.features.heads import logits_of_rows


class AdaSCALEA(Detector):
    """Score: -log Σ_c exp(eʳ w_c·z + b_c), r = Σ_d ReLU(z_d) / Σ_{d ∈ top} ReLU(z_d).

    "top" are the activations of z above its p-th percentile, p = p_min + (1 - F(Q)) (p_max - p_min), where F is the
    empirical distribution function of Q over the training images. Q = λ Σ |z'_d - z_d| over the 1 % largest activations
    of z, plus Σ ReLU(z'_d) over the 5 % largest. z' is the feature of x' = x + ε sign(∇ₓ f_ŷ), which differs from the
    image x in those 5 % of its values where |∇ₓ f_ŷ| is smallest; x is normalised, as the network receives it.

    All values are those of the authors' code in OpenOOD and its configuration; for a ResNet-50 on ImageNet they publish
    (80, 85) as p_min and p_max. Their benchmarks choose these two on OOD images, which is not done here. F is computed
    there on 5,000 validation images. Where no activation is above zero, nothing is scaled.

    Args:
        percentiles: (p_min, p_max) in [0, 100).
        shifted: percentage of the activations whose shift is in Q, at least one.
        active: percentage of the activations whose value is in Q, at least one.
        shift_weight: λ.
        pixels: percentage of the values of an image that are changed.
        epsilon: ε.

    Attributes:
        known_shifts_: (N,) Q of the training images in ascending order.
    """

    title, source = "AdaSCALE-A", "Regmi, 2025, arXiv:2503.08023"
    place = 202
    evidence = "gradients"
    rectified = True
    reads_images = True
    slow = True  # It reads the images again.
    published: ClassVar = {"imagenet": {"percentiles": (80.0, 85.0)}}
    known_shifts_ = FittedAttribute[np.ndarray]()

    def __init__(
        self,
        percentiles: tuple[float, float] = (75.0, 85.0),
        shifted: float = 1.0,
        active: float = 5.0,
        shift_weight: float = 10.0,
        pixels: float = 5.0,
        epsilon: float = 0.5,
    ) -> None:
        low, high = percentiles
        if not 0 <= low <= high < 100:
            raise HeatError(f"The percentiles of {self.title} are {low} and {high}: they must ascend within [0, 100).")
        if not all(0 < share <= 100 for share in (shifted, active, pixels)):
            raise HeatError(f"The shares of {self.title} are percentages above 0 and up to 100.")
        self.percentiles, self.shifted, self.active = percentiles, shifted, active
        self.shift_weight, self.pixels, self.epsilon = shift_weight, pixels, epsilon

    @property
    def _name(self) -> str:
        """Name of the column of Q, with a digest of the head and of all parameters of Q."""
        parameters = self.shifted, self.active, self.shift_weight, self.pixels, self.epsilon
        return f"adascale-{digest_with_head(self.head_, parameters)}"

    def fit_columns(self, backbone: Backbone | None) -> tuple[Column, ...]:
        """Return the column of `shifts`, from which F is computed."""
        return self.test_columns(backbone)

    def test_columns(self, backbone: Backbone | None) -> tuple[Column, ...]:  # noqa: ARG002
        """Return the column of `shifts`."""
        return (Column(self._name, self.shifts, gradients=True),)

    def shifts(self, batch: Batch) -> torch.Tensor:
        """Compute Q of each image, (B, 1)."""
        weight, bias = (torch.as_tensor(part, dtype=torch.float32, device=batch.pixels.device) for part in self.head_)
        with torch.enable_grad():
            z = batch.avg.float()
            largest_logits = linear(z, weight, bias).amax(dim=1).sum()
            (gradient,) = torch.autograd.grad(largest_logits, batch.pixels, retain_graph=True)
        with torch.no_grad():
            step = self.epsilon * self._keep_smallest(gradient).sign()
            moved = Batch(batch.backbone, (batch.pixels + step).detach()).avg.float()
            by_size = z.argsort(dim=1, descending=True)
            shift = (moved - z).abs().gather(1, by_size[:, : _count(z, self.shifted)]).sum(dim=1)
            value = moved.relu().gather(1, by_size[:, : _count(z, self.active)]).sum(dim=1)
        return (self.shift_weight * shift + value)[:, None]

    def _keep_smallest(self, gradient: torch.Tensor) -> torch.Tensor:
        """Set all values of a (B, 3, H, W) gradient to 0 but the smallest ones of each image."""
        flat = gradient.flatten(1)
        smallest = flat.abs().topk(int(flat.shape[1] * self.pixels / 100), dim=1, largest=False).indices
        return torch.zeros_like(flat).scatter_(1, smallest, flat.gather(1, smallest)).view_as(gradient)

    def fit_features(self, train: Features) -> Self:
        """Keep Q of the training images, whose distribution function is F."""
        self.known_shifts_ = np.sort(np.asarray(train.column(self._name), dtype=np.float64)[:, 0])
        return self

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        shifts = np.asarray(features.column(self._name), dtype=np.float64)[:, 0]
        below = np.searchsorted(self.known_shifts_, shifts, side="right") / len(self.known_shifts_)
        low, high = self.percentiles
        percentiles = low + (1 - below) * (high - low)
        rows = VIEWS["el"].rows(features)
        return np.concatenate([self._energy(block, percentiles[part]) for part, block in blocks(rows)])

    def _energy(self, z: np.ndarray, percentiles: np.ndarray) -> np.ndarray:
        weight, bias = self.head_
        raw = logits_of_rows(z, (weight, np.zeros(len(bias))))
        return -logsumexp(self._scale(raw, np.asarray(bias, dtype=np.float64), _ratio(z, percentiles)), axis=1)

    def _scale(self, raw: np.ndarray, bias: np.ndarray, ratio: np.ndarray) -> np.ndarray:
        """Compute the (N, C) logits of scaled activations from those without bias and from r (N,)."""
        return raw * np.exp(ratio)[:, None] + bias


def _count(z: torch.Tensor, percentage: float) -> int:
    return max(int(z.shape[1] * percentage / 100), 1)


def _ratio(z: np.ndarray, percentiles: np.ndarray) -> np.ndarray:
    """Compute r of (N, D) rows, each with a percentile of its own, (N,); 0 where no activation is above zero."""
    sums = np.cumsum(np.sort(np.maximum(z, 0), axis=1)[:, ::-1], axis=1, dtype=np.float64)
    counts = np.maximum(z.shape[1] - np.round(z.shape[1] * percentiles / 100).astype(int), 1)
    largest = np.take_along_axis(sums, counts[:, None] - 1, axis=1)[:, 0]
    return sums[:, -1] / np.where(largest > 0, largest, 1.0)
