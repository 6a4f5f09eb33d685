"""The Gaussian mixture (GMM) as a prior: one mean per class and one shared covariance (Sec. 3.2)."""

import copy
from typing import ClassVar, Self

import numpy as np
import torch

from heat_core.arrays import to_array
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.moments import Moments, ledoit_wolf, sum_of_fourth_powers
from heat_core.energies.priors.base import (
    ArrayOrTensor,
    Constants,
    Prior,
    PriorContext,
    ScoringDtypes,
    evaluate,
    validate_features,
)
from heat_core.errors import HeatError
from heat_core.features.chunks import compute_dtype
from heat_core.types import Rows

COVARIANCES = ("empirical", "ledoit-wolf")
WEIGHTS = ("uniform", "empirical")
_ROUNDING = 1e-24  # total variance below this share of the mean squared norm is only rounding
_FLOOR = 1e-8  # lower bound of the eigenvalues, as a share of the largest, which keeps a singular covariance invertible
_SAFE = 1e-6  # smallest eigenvalue, as a share of the largest, that float32 products resolve
FEW = 10  # samples per dimension below which the empirical covariance is too noisy


class GaussianMixture(Prior):
    """E_q(z) = -log Σ_c w_c exp(-½ (z - μ_c)ᵀ Σ⁻¹ (z - μ_c)).

    Args:
        covariance: estimator of Σ: "empirical" (the paper: scatter around the class means, divided by N), "ledoit-wolf"
            (shrunk towards a multiple of the identity, for few samples), or "auto" (Ledoit-Wolf below 10 samples per
            dimension, else empirical).
        weights: class weights w_c: "uniform" (w_c = 1, the paper's formula in Sec. 3.2), or "empirical" (the class's
            share of the samples, as in the authors' code).

    Attributes:
        means_: (C, D) class means.
        counts_: (C,) number of samples of each class.
        precision_: (D, D) inverse covariance Σ⁻¹.
        covariance_used_: the estimator that was used, which "auto" chooses.
        floored_: number of eigenvalues that were raised because the covariance is singular.
    """

    scoring_dtypes: ClassVar[ScoringDtypes] = {
        "centre": np.float32,
        "whitener": np.float32,
        "white_means": np.float64,
        "mean_norms": np.float64,
        "log_weights": np.float64,
    }
    means_ = FittedAttribute[np.ndarray]()
    counts_ = FittedAttribute[np.ndarray]()
    precision_ = FittedAttribute[np.ndarray]()
    covariance_used_ = FittedAttribute[str]()
    floored_ = FittedAttribute[int]()

    def __init__(self, covariance: str = "empirical", weights: str = "uniform") -> None:
        if covariance not in (*COVARIANCES, "auto"):
            raise HeatError(f"covariance is {covariance!r}: choose one of {', '.join(COVARIANCES)}, auto.")
        if weights not in WEIGHTS:
            raise HeatError(f"The weights of a mixture are {weights!r}: choose one of {', '.join(WEIGHTS)}.")
        self.covariance, self.weights = covariance, weights

    @classmethod
    def for_run(cls, context: PriorContext) -> Self:
        """Make the mixture with the run's covariance estimator and class weights."""
        return cls(context.covariance, context.weights)

    def fit(self, z: Rows, y: np.ndarray) -> Self:
        """Fit on (N, D) features and (N,) labels; HeatError if labels are missing or the features do not vary."""
        z, y = validate_features(z), to_array(y)
        if y.ndim != 1:
            raise HeatError("A Gaussian mixture needs the label of every training sample: these features have none.")
        if len(y) != len(z):
            raise HeatError(f"{len(z)} feature rows but {len(y)} labels.")
        classes, index = np.unique(y, return_inverse=True)
        few = len(z) < FEW * z.shape[1]
        chosen = self.covariance
        if chosen == "auto":
            chosen = "ledoit-wolf" if few else "empirical"

        moments = Moments.from_rows(z, index, len(classes), exact=chosen == "ledoit-wolf")
        if chosen == "ledoit-wolf":
            self._fit(moments, ledoit_wolf(moments, sum_of_fourth_powers(z, index, moments.means)), chosen)
        elif self._fit_scatter(moments) < _SAFE and compute_dtype(z.dtype) != np.float64:
            # The smallest variances are below the rounding of float32 products: compute them again in float64.
            self._fit_scatter(Moments.from_rows(z, index, len(classes), exact=True))
        return self

    def fit_moments(self, moments: Moments) -> Self:
        """Fit with the empirical covariance on moments, which may be the sum of those of parts."""
        filled = moments.counts > 0
        self._fit_scatter(Moments(moments.counts[filled], moments.means[filled], moments.scatter))
        return self

    def _fit_scatter(self, moments: Moments) -> float:
        return self._fit(moments, moments.scatter / moments.counts.sum(), "empirical")

    def _fit(self, moments: Moments, covariance: np.ndarray, chosen: str) -> float:
        """Set the attributes, and return the smallest eigenvalue as a share of the largest, before it is floored."""
        if not np.trace(covariance) > _ROUNDING * moments.squared_norm:
            raise HeatError(
                "The features do not vary within the classes (a 1×1 feature map makes std-pooling zero): "
                "use a larger image size or another prior."
            )
        self.covariance_used_, self.means_, self.counts_ = chosen, moments.means, moments.counts
        # All products are in torch, because alternating between the thread pools of two libraries is slow.
        values, vectors = torch.linalg.eigh(torch.from_numpy(covariance))
        smallest, floor = float(values[0] / values[-1]), _FLOOR * values[-1]
        self.floored_ = int((values < floor).sum())
        values = values.clamp_min(floor)
        # The overall mean is subtracted from everything, because small numbers lose fewer digits in float32.
        centre = torch.from_numpy(moments.centre)
        means = torch.from_numpy(self.means_) - centre
        precision = (vectors / values) @ vectors.T
        whitener = vectors / values.sqrt()
        white_means = means @ whitener
        weights = moments.counts / moments.counts.sum() if self.weights == "empirical" else np.ones(len(means))
        self.precision_ = precision.numpy()
        self._constants = Constants(
            centre=centre,
            whitener=whitener,
            white_means=white_means,
            precision=precision,
            precision_means=means @ precision,
            mean_norms=(white_means**2).sum(dim=1),
            means=means,
            root=vectors * values.sqrt(),
            log_weights=np.log(weights),
        )
        return smallest

    def fit_clone(self, z: Rows, y: np.ndarray) -> Self:
        """Fit a mixture with the same estimator and weights on other samples, to compute held-out energies."""
        clone = copy.copy(self)  # of the same class, with whatever settings a subclass adds
        clone.covariance = self.covariance_used_
        return clone.fit(z, y)

    def background(self) -> "GaussianMixture":
        """Compute the Gaussian of all samples regardless of class, Σ₀ = Σ + Σ_c n_c/N (μ_c - μ₀)(μ_c - μ₀)ᵀ.

        If Σ is empirical, so is Σ₀. If Σ is shrunk, Σ₀ contains the same shrinkage: a separate shrinkage would change
        the variances in directions that do not depend on the class.
        """
        shares, root = self.counts_ / self.counts_.sum(), np.asarray(self._constants.arrays["root"])
        centre = shares @ self.means_
        away = self.means_ - centre
        covariance = root @ root.T + (shares[:, None] * away).T @ away
        whole, count = GaussianMixture(self.covariance_used_), self.counts_.sum(keepdims=True)
        whole._fit(Moments(count, centre[None], count * covariance), covariance, self.covariance_used_)
        return whole

    def energy(self, z: ArrayOrTensor) -> ArrayOrTensor:
        """Compute E_q, (N, D) → (N,): features are whitened once, and one matrix product gives all distances."""
        return evaluate(self._energy, z)

    def squared_distances(self, z: ArrayOrTensor) -> ArrayOrTensor:
        """Compute (z - μ_c)ᵀ Σ⁻¹ (z - μ_c), (N, D) → (N, C)."""
        return evaluate(self._squared, z)

    def _energy(self, z: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        squared = self._squared(z, dtype)
        log_weights = self._constants.like(squared)["log_weights"]
        return -torch.logsumexp(torch.add(log_weights, squared, alpha=-0.5), dim=1)

    def _squared(self, z: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        return self._to_means(self._whiten(z, dtype))

    def _whiten(self, z: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        k = self._constants.like(z)
        return ((z - k["centre"]) @ k["whitener"]).to(dtype)

    def _to_means(self, white: torch.Tensor) -> torch.Tensor:
        """Compute the squared distances of whitened points to the whitened means, (N, D) → (N, C)."""
        k = self._constants.like(white)
        return torch.linalg.vecdot(white, white)[:, None] - 2 * white @ k["white_means"].T + k["mean_norms"]

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        """Compute ∇E_q = Σ⁻¹z - Σ_c π_c(z) Σ⁻¹μ_c, π = softmax(log w - ½ d²), (N, D) → (N, D).

        The term zᵀΣ⁻¹z of the squared distances d² is common to all classes, so π needs only q·μ_c with q = Σ⁻¹z: one
        product with a (D, D) matrix suffices.
        """
        k = self._constants.like(z)
        q = (z - k["centre"]) @ k["precision"]
        responsibility = torch.softmax(q @ k["means"].T + (k["log_weights"] - 0.5 * k["mean_norms"]), dim=1)
        return q - responsibility @ k["precision_means"]

    def sample(
        self, n: int, generator: torch.Generator | None = None, like: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Draw n samples of the mixture, with classes as probable as their weights, (n, D), as `like` or float32."""
        like = torch.empty(0) if like is None else like
        k = self._constants.like(like)
        dtype, device = like.dtype, like.device
        if self.weights == "uniform":
            component = torch.randint(len(self.means_), (n,), generator=generator, device=device)
        else:
            component = torch.multinomial(k["log_weights"].exp(), n, replacement=True, generator=generator)
        noise = torch.randn(n, self.means_.shape[1], generator=generator, device=device, dtype=dtype)
        return k["centre"] + k["means"][component] + self._unwhitened(noise)

    def _unwhitened(self, noise: torch.Tensor) -> torch.Tensor:
        """Map standard normal noise to the differences of samples from the mean of their class, (n, D) → (n, D)."""
        return noise @ self._constants.like(noise)["root"].T
