"""The Gaussian-mixture prior: one mean per class, one shared covariance (Sec. 3.2)."""

from typing import ClassVar, Self

import numpy as np
import torch

from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.moments import Moments
from heat_core.energies.priors.base import ArrayOrTensor, Constants, ScoringDtypes, evaluate, validate_features
from heat_core.errors import HeatError
from heat_core.features.chunks import compute_dtype
from heat_core.types import Rows

COVARIANCES = ("empirical", "ledoit-wolf")
WEIGHTS = ("uniform", "empirical")
_ROUNDING = 1e-24  # share of the mean squared norm below which variance is only rounding
_FLOOR = 1e-8  # smallest eigenvalue, as a share of the largest: keeps a singular covariance invertible
_SAFE = 1e-6  # smallest eigenvalue, as a share of the largest, that products in float32 still tell
FEW = 10  # fewer than this many samples a dimension: the empirical covariance is too noisy


class GaussianMixture:
    """E_q(z) = -log Σ_c w_c exp(-½ (z - μ_c)ᵀ Σ⁻¹ (z - μ_c)).

    Args:
        covariance: "empirical" (the paper: scatter around the class means, divided by N), "ledoit-wolf" (shrunk
            towards a multiple of the identity, for few samples), or "auto": Ledoit-Wolf below 10 samples a dimension.
        weights: of the classes: "uniform" (the paper's formula, Sec. 3.2: w_c = 1), or "empirical" (the authors' code:
            w_c is the class's share of the samples).

    Attributes:
        means_: (C, D) class means.
        counts_: (C,) samples of each class.
        precision_: (D, D) Σ⁻¹.
        covariance_used_: what "auto" chose.
        floored_: how many eigenvalues were raised because the covariance is singular.
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
    _constants = FittedAttribute[Constants]()

    def __init__(self, covariance: str = "empirical", weights: str = "uniform") -> None:
        if covariance not in (*COVARIANCES, "auto"):
            raise HeatError(f"covariance is {covariance!r}: choose one of {', '.join(COVARIANCES)}, auto.")
        if weights not in WEIGHTS:
            raise HeatError(f"The weights of a mixture are {weights!r}: choose one of {', '.join(WEIGHTS)}.")
        self.covariance, self.weights = covariance, weights

    def fit(self, z: Rows, y: np.ndarray) -> Self:
        """Fit on (N, D) features and (N,) labels."""
        z, y = validate_features(z), np.asarray(y)
        if y.ndim != 1:
            raise HeatError("A Gaussian mixture needs the label of every training sample: these features have none.")
        if len(y) != len(z):
            raise HeatError(f"{len(z)} feature rows but {len(y)} labels.")
        classes, index = np.unique(y, return_inverse=True)
        few = len(z) < FEW * z.shape[1]
        chosen = self.covariance
        if chosen == "auto":
            chosen = "ledoit-wolf" if few else "empirical"

        moments = Moments.from_rows(z, index, len(classes))
        if chosen == "ledoit-wolf":
            from sklearn.covariance import ledoit_wolf

            self._fit(moments, ledoit_wolf(z[:] - moments.means[index], assume_centered=True)[0], chosen)
        elif (
            self._fit_scatter(moments) < _SAFE and compute_dtype(z.dtype) != np.float64
        ):  # what it rounds is no variance
            self._fit_scatter(Moments.from_rows(z, index, len(classes), exact=True))
        return self

    def fit_moments(self, moments: Moments) -> Self:
        """Fit with the empirical covariance on what was summed before, perhaps in parts."""
        filled = moments.counts > 0
        self._fit_scatter(Moments(moments.counts[filled], moments.means[filled], moments.scatter))
        return self

    def _fit_scatter(self, moments: Moments) -> float:
        return self._fit(moments, moments.scatter / moments.counts.sum(), "empirical")

    def _fit(self, moments: Moments, covariance: np.ndarray, chosen: str) -> float:
        """Returns the smallest eigenvalue, as a share of the largest, as it was found."""
        if not np.trace(covariance) > _ROUNDING * moments.squared_norm:
            raise HeatError(
                "The features do not vary within the classes (a 1×1 feature map makes std-pooling zero): "
                "use a larger image size or another prior."
            )
        self.covariance_used_, self.means_, self.counts_ = chosen, moments.means, moments.counts
        # All of it in torch: two libraries' threads, taking turns, wait for one another.
        values, vectors = torch.linalg.eigh(torch.from_numpy(covariance))
        smallest, floor = float(values[0] / values[-1]), _FLOOR * values[-1]
        self.floored_ = int((values < floor).sum())
        values = values.clamp_min(floor)
        # Everything is measured from the overall mean: small numbers lose no digits in float32.
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

    def fit_clone(self, z: Rows, y: np.ndarray) -> "GaussianMixture":
        """The same kind of mixture fitted on other samples (for held-out energies)."""
        return GaussianMixture(self.covariance_used_, self.weights).fit(z, y)

    def background(self) -> "GaussianMixture":
        """The Gaussian of all samples, whatever their class: Σ₀ = Σ + Σ_c n_c/N (μ_c - μ₀)(μ_c - μ₀)ᵀ.

        Where Σ is empirical, so is Σ₀. Where Σ is shrunk, Σ₀ is shrunk as much: shrunk for itself it would take other
        variances for those directions that the classes have in common.
        """
        shares, root = self.counts_ / self.counts_.sum(), np.asarray(self._constants.arrays["root"])
        centre = shares @ self.means_
        away = self.means_ - centre
        covariance = root @ root.T + (shares[:, None] * away).T @ away
        whole = GaussianMixture(self.covariance_used_)
        whole._fit(
            Moments(self.counts_.sum(keepdims=True), centre[None], covariance), covariance, self.covariance_used_
        )
        return whole

    head_weight = None  # it reads every direction

    def energy(self, z: ArrayOrTensor) -> ArrayOrTensor:
        """(N, D) → (N,). Whitened once, so that all distances are one matrix product."""
        return evaluate(self._energy, z)

    def squared_distances(self, z: ArrayOrTensor) -> ArrayOrTensor:
        """(N, D) → (N, C): (z - μ_c)ᵀ Σ⁻¹ (z - μ_c)."""
        return evaluate(self._squared, z)

    def _energy(self, z: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        squared = self._squared(z, dtype)
        log_weights = self._constants.like(squared)["log_weights"]
        return -torch.logsumexp(torch.add(log_weights, squared, alpha=-0.5), dim=1)

    def _squared(self, z: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        k = self._constants.like(z)
        white = ((z - k["centre"]) @ k["whitener"]).to(dtype)
        k = self._constants.like(white)
        return torch.linalg.vecdot(white, white)[:, None] - 2 * white @ k["white_means"].T + k["mean_norms"]

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        """∇E_q = Σ⁻¹z - π(z) Σ⁻¹μ, π = softmax(log w - ½ d²): (N, D) → (N, D), one D² product.

        The term zᵀΣ⁻¹z is common to all classes, so π needs only q·μ_c with q = Σ⁻¹z.
        """
        k = self._constants.like(z)
        q = (z - k["centre"]) @ k["precision"]
        responsibility = torch.softmax(q @ k["means"].T + (k["log_weights"] - 0.5 * k["mean_norms"]), dim=1)
        return q - responsibility @ k["precision_means"]

    def sample(
        self, n: int, generator: torch.Generator | None = None, like: torch.Tensor | None = None
    ) -> torch.Tensor:
        """N draws from the mixture, classes as likely as they weigh: (n, D), float32 on the CPU or as `like`."""
        like = torch.empty(0) if like is None else like
        k = self._constants.like(like)
        dtype, device = like.dtype, like.device
        if self.weights == "uniform":
            component = torch.randint(len(self.means_), (n,), generator=generator, device=device)
        else:
            component = torch.multinomial(k["log_weights"].exp(), n, replacement=True, generator=generator)
        noise = torch.randn(n, self.means_.shape[1], generator=generator, device=device, dtype=dtype)
        return k["centre"] + k["means"][component] + noise @ k["root"].T
