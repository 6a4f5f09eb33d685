"""ResFlow (Zisselman & Tamar, 2020) as a prior: the Gaussians of the classes, corrected by one normalising flow."""

import copy
from typing import ClassVar, Self

import numpy as np
import torch

from heat_core.arrays import to_array
from heat_core.data.splits import rank_in_class
from heat_core.energies.fitted_attribute import FittedAttribute
from heat_core.energies.moments import Moments
from heat_core.energies.priors import couplings
from heat_core.energies.priors.base import Constants, ScoringDtypes, validate_features
from heat_core.energies.priors.gmm import FEW, GaussianMixture
from heat_core.features.chunks import compute_device
from heat_core.types import Rows

_HELD_OUT_EVERY = 10  # of each class, one image in ten tells when the training of the flow ends
_FOLDS = 5
_MOST = 2**14  # images from which the flow learns: their number bounds the memory
_NEAREST = 3  # classes at which the flow is evaluated
_LAYER_NAMES = tuple(f"{kind}_{i}" for i in (1, 2, 3) for kind in ("weight", "bias"))


class ResidualFlow(GaussianMixture):
    """E_q(z) = -log Σ_c w_c exp(-½ ‖f(u_c)‖² + log |det f'(u_c)|), u_c = Σ^(-1/2) (z - μ_c).

    f are coupling layers (`couplings`) that begin at the identity, so that E_q begins as that of `GaussianMixture`, and
    f learns what the Gaussians lack, by maximum likelihood on the training features alone. One image in ten of each
    class is held out from f; where f does not raise their likelihood it stays the identity. f learns from at most
    16,384 images.

    Below 10 samples per dimension f learns from u_c by Gaussians that are fitted without the image, in five folds.
    Images that the covariance was fitted to have shorter u_c than new ones, so that a flow learned from them would make
    new images unlikely. Σ^(-1/2) is the symmetric root, which differs little between folds.

    Differences from the source: one flow for the differences z - μ_c of all classes instead of a flow for each class,
    of four coupling layers instead of ten; penultimate features, L2-normalised as those of GMM, instead of several
    layers of the network that a regression on OOD samples weights; and the sum over classes instead of their maximum
    (the sum makes q a density that can be sampled), over the three classes that are nearest to z by the Gaussians, so
    that the cost does not grow with the number of classes; with more classes E_q is not quite that of the mixture.

    Args:
        covariance: see `GaussianMixture`.
        weights: see `GaussianMixture`.
        seed: seed of the first weights and of the draws of images.

    Attributes:
        gain_: by how much f raises the mean log-likelihood of the held-out images, in nats; 0 for the identity.
    """

    scoring_dtypes: ClassVar[ScoringDtypes] = {
        **GaussianMixture.scoring_dtypes,
        **dict.fromkeys(_LAYER_NAMES, np.float32),
    }
    gain_ = FittedAttribute[float]()

    def __init__(self, covariance: str = "empirical", weights: str = "uniform", seed: int = 0) -> None:
        super().__init__(covariance, weights)
        self.seed = seed

    def fit(self, z: Rows, y: np.ndarray) -> Self:
        """Fit on (N, D) features and (N,) labels; HeatError if labels are missing or the features do not vary."""
        z = validate_features(z)
        super().fit(z, y)
        index = np.unique(to_array(y), return_inverse=True)[1]
        rank = rank_in_class(index, len(z))
        if rank.max() < _HELD_OUT_EVERY - 1:
            return self
        if len(z) < FEW * z.shape[1]:
            rows = np.flatnonzero(np.bincount(index)[index] > 1)
            u = self._whitened_without(z, index, rank % _FOLDS)[rows]
        else:
            rows = np.sort(np.random.default_rng(self.seed).permutation(len(z))[:_MOST])
            u = self._whitened(z[rows], index[rows])
        held_out = torch.from_numpy(rank[rows] % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1)
        device = compute_device()
        learned, self.gain_ = couplings.train(u[~held_out].to(device), u[held_out].to(device), self.seed)
        self._constants = Constants(**self._constants.arrays | learned)
        return self

    def _fit(self, moments: Moments, covariance: np.ndarray, chosen: str) -> float:
        """Fit the Gaussians, with the identity as flow, and whiten by the symmetric root of the precision."""
        smallest = super()._fit(moments, covariance, chosen)
        arrays = {name: torch.as_tensor(values) for name, values in self._constants.arrays.items()}
        back = (arrays["whitener"] / arrays["whitener"].norm(dim=0)).T  # from the eigenvectors to the features
        arrays |= {name: arrays[name] @ back for name in ("whitener", "white_means", "root")}
        start = couplings.identity(len(covariance), torch.Generator().manual_seed(self.seed))
        self._constants, self.gain_ = Constants(**arrays | start), 0.0
        return smallest

    def _whitened(self, z: np.ndarray, index: np.ndarray) -> torch.Tensor:
        """Compute u_c of points, c their class, (n, D) float64."""
        k = self._constants.like(torch.empty(0, dtype=torch.float64))
        return (torch.from_numpy(z.astype(np.float64)) - k["centre"]) @ k["whitener"] - k["white_means"][index]

    def _whitened_without(self, z: Rows, index: np.ndarray, fold: np.ndarray) -> torch.Tensor:
        """Compute u_c of each image by the Gaussians without its fold; zeros for classes that are then empty."""
        u = torch.zeros(z.shape, dtype=torch.float64)
        for i in range(_FOLDS):
            others, gaussians = np.flatnonzero(fold != i), copy.copy(self)
            gaussians.covariance = self.covariance_used_
            GaussianMixture.fit(gaussians, z[others], index[others])
            rows = np.flatnonzero((fold == i) & np.isin(index, index[others]))
            u[rows] = gaussians._whitened(z[rows], np.searchsorted(np.unique(index[others]), index[rows]))
        return u

    def _energy(self, z: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        white = self._whiten(z, dtype)
        squared, k = self._to_means(white), self._constants.like(white)
        nearest = squared.topk(min(_NEAREST, squared.shape[1]), dim=1, largest=False).indices
        likelihood = couplings.log_likelihood(white[:, None] - k["white_means"][nearest], k)
        return -torch.logsumexp(k["log_weights"][nearest] + likelihood, dim=1)

    def gradient(self, z: torch.Tensor) -> torch.Tensor:
        """Compute ∇E_q, (N, D) → (N, D), by automatic differentiation unless E_q is the mixture's."""
        if not self.gain_ and len(self._constants.arrays["log_weights"]) <= _NEAREST:
            return super().gradient(z)
        with torch.enable_grad():
            points = z.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self._energy(points, z.dtype).sum(), points)
        return gradient

    def _unwhitened(self, noise: torch.Tensor) -> torch.Tensor:
        return super()._unwhitened(couplings.invert(noise, self._constants.like(noise)))
