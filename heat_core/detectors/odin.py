"""ODIN (Liang et al., 2018): softmax at a high temperature of an image perturbed towards its predicted class."""

import numpy as np
import torch
from scipy.special import softmax
from torch.nn.functional import cross_entropy, linear

from heat_core.backbones.registry import Backbone
from heat_core.detectors.base import Detector, digest_with_head
from heat_core.features.columns import Batch, Column
from heat_core.features.features import Features


class ODIN(Detector):
    """Score: -max_c softmax(f(x̂) / T), x̂ = x - ε sign(∇ₓ -log softmax_ŷ(f(x) / T)).

    T = 1000 and ε = 0.0014 (for pixels in [0, 1]) are the source's values. The logits of x̂ are a feature column, which
    is computed from the images once the head is known.

    Args:
        temperature: T.
        epsilon: ε.
    """

    title, source = "ODIN", "Liang et al., ICLR 2018, arXiv:1706.02690"
    place = 200
    evidence = "gradients"
    reads_images = True
    slow = True  # It reads the images again.

    def __init__(self, temperature: float = 1000.0, epsilon: float = 0.0014) -> None:
        self.temperature, self.epsilon = temperature, epsilon

    @property
    def _name(self) -> str:
        """Name of the column of perturbed logits, with a digest of head and parameters."""
        return f"odin-{digest_with_head(self.head_, (self.temperature, self.epsilon))}"

    def test_columns(self, backbone: Backbone | None) -> tuple[Column, ...]:  # noqa: ARG002
        """Return the column of `perturbed_logits`."""
        return (Column(self._name, self.perturbed_logits, gradients=True),)

    def perturbed_logits(self, batch: Batch) -> torch.Tensor:
        """Compute the logits of the perturbed images, (B, C)."""
        weight, bias = (torch.as_tensor(part, dtype=torch.float32, device=batch.pixels.device) for part in self.head_)
        with torch.enable_grad():
            logits = linear(batch.avg.float(), weight, bias)
            loss = cross_entropy(logits / self.temperature, logits.argmax(dim=1), reduction="sum")
        moved = batch.perturb(loss, self.epsilon)
        with torch.no_grad():
            return linear(Batch(batch.backbone, moved).avg.float(), weight, bias)

    def score_features(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64."""
        logits = np.asarray(features.column(self._name), dtype=np.float64)
        return -softmax(logits / self.temperature, axis=1).max(axis=1)
