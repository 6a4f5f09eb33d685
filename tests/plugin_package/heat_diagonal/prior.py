"""One Gaussian for all classes, with independent dimensions."""

import numpy as np
import torch

from heat_core.energies.priors import Constants, Prior, PriorSpec, evaluate, register_prior


@register_prior("diagonal", PriorSpec("Diagonal", evidence="features", column="avg", normalised=True))
class DiagonalGaussian(Prior):
    """E_q(z) = ½ Σ_d (z_d - μ_d)² / σ_d²."""

    scoring_dtypes = {"mean": np.float64, "std": np.float64}  # noqa: RUF012

    def fit(self, z, y):
        z = np.asarray(z[:], np.float64)
        self._constants = Constants(mean=z.mean(axis=0), std=z.std(axis=0) + 1e-6)
        return self

    def energy(self, z):
        return evaluate(lambda t, dtype: 0.5 * (self._whitened(t.to(dtype)) ** 2).sum(dim=1), z)

    def gradient(self, z):
        return self._whitened(z) / self._constants.like(z)["std"]

    def sample(self, n, generator=None, like=None):
        like = torch.empty(0) if like is None else like
        k = self._constants.like(like)
        noise = torch.randn(n, len(k["mean"]), generator=generator, device=like.device, dtype=like.dtype)
        return k["mean"] + noise * k["std"]

    def _whitened(self, z):
        k = self._constants.like(z)
        return (z - k["mean"]) / k["std"]
