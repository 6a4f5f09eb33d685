"""Soft-KNN as a prior: a differentiable energy in place of the distance to a k-th neighbour (Sec. 3.2, Sec. 5)."""

from typing import ClassVar, Self

import numpy as np
import torch

from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.priors.base import ArrayOrTensor, Constants, Prior, ScoringDtypes, evaluate, validate_features
from heat_core.types import Rows

_NEIGHBOURS = 10
_BANK = 2048  # training features that are kept: their number bounds the cost of a Langevin step
_CALIBRATION = 512  # features of the bank from which τ is chosen
_HALVINGS = 40  # steps of the bisection


class SoftNeighbours(Prior):
    """E_q(z) = -log (1/M) Σ_i exp(-‖z - z_i‖² / 2τ²), over a bank of M training features.

    With weights w_i ∝ exp(-‖z - z_i‖² / 2τ²) its gradient is (z - Σ_i w_i z_i) / τ², so that a descent leads to the
    weighted mean of the neighbours. τ is chosen so that the weights of a training feature (itself excluded) spread over
    `neighbours` others on average (their perplexity, as in t-SNE): the soft minimum then has the range of KNN with this
    k.

    Samples are not drawn from this kernel: in many dimensions, noise of width τ in each would lie far from the data.
    They are training features plus Gaussian noise whose length is the median distance to the k-th neighbour.

    Args:
        neighbours: number of neighbours k.
        bank: largest size M of the bank, which is drawn at random from the training features.
        seed: seed of that draw.

    Attributes:
        width_: kernel width τ.
    """

    scoring_dtypes: ClassVar[ScoringDtypes] = {"bank": np.float32, "halves": np.float64, "inverse": np.float64}
    width_ = FittedAttribute[float]()

    def __init__(self, neighbours: int = _NEIGHBOURS, bank: int = _BANK, seed: int = 0) -> None:
        self.neighbours, self.bank, self.seed = neighbours, bank, seed

    def fit(self, z: Rows, y: np.ndarray | None = None) -> Self:  # noqa: ARG002
        """Draw the bank from (N, D) features and choose τ; labels are not read."""
        z = validate_features(z)
        rng = np.random.default_rng(self.seed)
        bank = z[np.sort(rng.choice(len(z), min(self.bank, len(z)), replace=False))].astype(np.float64)
        queries = rng.choice(len(bank), min(_CALIBRATION, len(bank)), replace=False)
        squared = np.maximum((bank[queries] ** 2).sum(1)[:, None] - 2 * bank[queries] @ bank.T + (bank**2).sum(1), 0)
        squared[np.arange(len(queries)), queries] = np.inf  # a feature is not its own neighbour
        k = min(self.neighbours, max(len(bank) - 1, 1))
        self.width_ = _width(squared, k)
        reach = np.sqrt(np.median(np.sort(squared, axis=1)[:, k - 1])) if len(bank) > 1 else 0.0
        self._constants = Constants(
            bank=bank,
            halves=0.5 * (bank**2).sum(axis=1),
            inverse=np.array(self.width_**-2),
            noise=np.array(reach / np.sqrt(z.shape[1])),
        )
        return self

    def energy(self, z: ArrayOrTensor) -> ArrayOrTensor:
        """Compute E_q, (N, D) → (N,)."""

        def energy(t: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
            t = t.to(dtype)  # The distances are differences of inner products, which would lose digits in float32.
            k = self._constants.like(t)
            inner = self._exponents(t, k)
            return 0.5 * k["inverse"] * (t**2).sum(1) - torch.logsumexp(inner, 1) + np.log(len(k["bank"]))

        return evaluate(energy, z)

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        """Compute ∇E_q, (N, D) → (N, D)."""
        k = self._constants.like(z)
        return k["inverse"] * (z - torch.softmax(self._exponents(z, k), dim=1) @ k["bank"])

    def sample(
        self, n: int, generator: torch.Generator | None = None, like: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Draw n training features with Gaussian noise as long as a k-th neighbour's median distance, (n, D)."""
        like = torch.empty(0) if like is None else like
        k = self._constants.like(like)
        rows = torch.randint(len(k["bank"]), (n,), generator=generator, device=like.device)
        noise = torch.randn(n, k["bank"].shape[1], generator=generator, device=like.device, dtype=like.dtype)
        return k["bank"][rows] + k["noise"] * noise

    @staticmethod
    def _exponents(z: torch.Tensor, k: dict[str, torch.Tensor]) -> torch.Tensor:
        """Compute -‖z - z_i‖² / 2τ² without the term of ‖z‖², which is the same for all i, (N, D) → (N, M)."""
        return k["inverse"] * (z @ k["bank"].T - k["halves"])


def _width(squared: np.ndarray, k: int) -> float:
    """Find τ at which the weights exp(-squared / 2τ²) of a row spread over k columns on average, by bisection."""
    if not np.isfinite(squared).any(axis=1).all():
        return 1.0  # There is a single sample: any width gives the same ranking.
    gaps = squared - squared.min(axis=1, keepdims=True)
    finite = gaps[np.isfinite(gaps)]
    if not finite.max() > 0:
        return 1.0  # All samples are equal: any width gives the same ranking.
    low, high = 1e-6 * np.sqrt(finite[finite > 0].min()), 10 * np.sqrt(finite.max())
    for _ in range(_HALVINGS):
        middle = np.sqrt(low * high)
        weights = np.exp(-gaps / (2 * middle**2))
        weights /= weights.sum(axis=1, keepdims=True)
        entropy = -(weights * np.log(np.maximum(weights, 1e-300))).sum(axis=1).mean()
        low, high = (middle, high) if np.exp(entropy) < k else (low, middle)
    return float(np.sqrt(low * high))
