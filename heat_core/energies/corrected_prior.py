"""HEAT's corrected priors: a prior plus its residual (Eq. 2), with the statistics that standardise it (App. A.2)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from heat_core.data.splits import rank_in_class
from heat_core.digests import digest_of_tensors
from heat_core.energies import residual_scale
from heat_core.energies.priors import Prior, make_prior
from heat_core.energies.residual import ResidualMLP
from heat_core.energies.residual_trainer import EpochRecord, train_residual
from heat_core.energies.settings import ResidualSettings
from heat_core.energies.training_features import MAX_DEVICE_BYTES, load_training_features
from heat_core.energies.views import VIEWS, View
from heat_core.errors import HeatError
from heat_core.features.chunks import blocks, map_blocks
from heat_core.features.features import Features
from heat_core.storage import replacing
from heat_core.types import FitHead, Head, Rows

_FEW = 10  # with fewer samples per dimension, training features have lower energies than unseen ones
_HELD_OUT_EVERY = 5  # with few samples, every fifth of each class is held out as reference
_ENOUGH = 4  # samples per dimension from which an automatic T no longer depends on their number
_AUTO_SPREADS = 20  # an automatic T makes the prior's spread 1/20, the bound 1/(2λ) of a residual at λ = 10


@dataclass
class CorrectedPrior:
    """One prior with its residual: the hybrid energy E_q / T + E_θ (Eq. 2).

    Attributes:
        name: name of the prior, for example gmm.
        view: column and normalisation of the features that the prior reads.
        prior: the fitted prior.
        reference: (M,) prior energies of ID training features, from which T is chosen and the energies are
            standardised. With few samples they come from a prior fitted without these features.
        reference_rows: (M,) indices of those training samples.
        held_out: whether the reference samples were held out from that fit.
        non_negative: whether no training feature is negative, as after a ReLU; Langevin steps are then clipped at 0.
        temperature: T, by which the prior's energy is divided.
        residual: the network of E_θ; None before training.
        dim: dimension D of the features, or None if it is not known.
        rho: residual scale ρ = std(E_θ) / std(E_q / T) to which training brought the residual; None if it was not
            rescaled.
        label_correlation: η of the training, see `residual_trainer.TrainedResidual`; None if it is not known.
    """

    name: str
    view: View
    prior: Prior
    reference: np.ndarray
    reference_rows: np.ndarray
    held_out: bool
    non_negative: bool
    temperature: float = 1.0
    residual: ResidualMLP | None = None
    dim: int | None = None
    rho: float | None = None
    label_correlation: float | None = None

    def prior_energy(self, features: Features) -> np.ndarray:
        """Compute the prior's energy E_q of N samples, (N,) float64, not divided by T."""
        return map_blocks(self.prior.energy, self.view.rows(features))

    def residual_energy(self, features: Features) -> np.ndarray:
        """Compute the residual's energy E_θ of N samples, (N,) float64; zeros before training."""
        if self.residual is None:
            return np.zeros(len(features))
        return self.residual.energies(self.view.rows(features))

    def hybrid_energy(self, features: Features) -> np.ndarray:
        """Compute the hybrid energy E_q / T + E_θ of N samples (Eq. 2), (N,) float64.

        Raises:
            HeatError: before the residual is trained or loaded.
        """
        if self.residual is None:
            raise HeatError(f"The residual of {self.name} is not trained yet: call train, or load, first.")
        return self.prior_energy(features) / self.temperature + self.residual_energy(features)

    def train(
        self,
        features: Features,
        settings: ResidualSettings,
        device: torch.device,
        seed: int,
        on_epoch: Callable[[EpochRecord], None],
        max_device_bytes: int = MAX_DEVICE_BYTES,
    ) -> str | None:
        """Train the residual (Algorithm 1) on the training features, and rescale it if the settings ask for it.

        Args:
            features: the training features on which the prior was fitted.
            settings: settings of the training; a temperature of 0 stands for `automatic_temperature`.
            device: device of the training.
            seed: seed of the network's first weights and of every draw.
            on_epoch: callback that receives a record after each epoch.
            max_device_bytes: size in bytes above which the features are read batch by batch.

        Returns:
            Why training had to stop early, or None.
        """
        rows = self.view.rows(features)
        self.temperature = settings.temperature or automatic_temperature(self.reference, *rows.shape)
        unseen = self.reference_rows if self.held_out and settings.rescale else None  # the scale is measured on these
        z = load_training_features(rows, device, max_device_bytes, without=unseen)
        project = partial(self.view.project, non_negative=self.non_negative)
        trained = train_residual(self.prior, z, settings, self.temperature, project, seed, on_epoch)
        self.residual, self.label_correlation = trained.residual.cpu(), trained.label_correlation
        if settings.rescale:
            self.rescale(features)
        return trained.stopped

    def rescale(self, features: Features) -> None:
        """Rescale the residual as it was trained to the target scale ρ (`residual_scale.target_scale`)."""
        assert self.residual is not None
        assert self.label_correlation is not None
        prior, residual = self.reference / self.temperature, self.residual_energy(features)[self.reference_rows]
        z, weight = self.view.rows(features), self.prior.head_weight
        outside_head = None if weight is None else residual_scale.variance_outside_head(weight, z)
        self.rho = residual_scale.target_scale(outside_head, self.label_correlation)
        self.residual.scale(residual_scale.rescale_factor(self.rho, float(prior.std()), float(residual.std())))

    def statistics(self, features: Features) -> tuple[float, float]:
        """Compute mean and standard deviation of the hybrid energy over the reference samples of the training set."""
        hybrid = self.reference / self.temperature + self.residual_energy(features)[self.reference_rows]
        return float(hybrid.mean()), float(hybrid.std())

    def save(self, path: Path, settings: ResidualSettings, origin: str = "") -> None:
        """Write the residual to a safetensors file, with its temperature, its shape, a digest and its origin.

        Args:
            path: path of the file.
            settings: settings of the training.
            origin: digest of what it was made with, see `residual_cache.residual_origin`.
        """
        if self.residual is None:
            raise HeatError(f"The residual of {self.name} is not trained yet: there is nothing to save.")
        about = {"width": str(settings.width), "hidden_layers": str(settings.hidden_layers), "origin": origin}
        if self.label_correlation is not None:
            about["label_correlation"] = repr(self.label_correlation)
        state = self.residual.state_dict()
        meta = {"temperature": repr(self.temperature), "digest": _digest(state, self.temperature)} | about
        with replacing(path) as temp_path:
            temp_path.write_bytes(save(state, metadata=meta))

    def load(self, path: Path) -> str:
        """Read a residual that `save` wrote, and return its origin; "" where the file holds none, as older ones.

        Raises:
            HeatError: when the file is damaged, or the residual reads features of another dimension.
        """
        cure = "delete it and resume the run"
        try:
            with safe_open(path, framework="pt") as file:
                meta = file.metadata()
                state = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 (not a dict)
            dim = state["0.weight"].shape[1]
            residual = ResidualMLP(dim, int(meta["width"]), int(meta["hidden_layers"]))
            residual.load_state_dict(state)
            temperature = float(meta["temperature"])
            correlation = float(meta["label_correlation"]) if "label_correlation" in meta else None
        except (SafetensorError, OSError, KeyError, IndexError, RuntimeError, TypeError, ValueError) as error:
            raise HeatError(f"{path} is cut off or damaged: {cure}.") from error
        if meta.get("digest", "") not in ("", _digest(state, temperature)):
            raise HeatError(f"{path} is damaged, it is not what was written: {cure}.")
        finite = all(bool(torch.isfinite(values).all()) for values in state.values())
        if not finite or not 0 < temperature < float("inf"):
            raise HeatError(f"{path} is damaged, it holds NaN or infinity: {cure}.")
        if self.dim is not None and dim != self.dim:
            raise HeatError(f"{path} is the residual of {dim} features, and these have {self.dim}: {cure}.")
        self.residual, self.temperature, self.label_correlation = residual, temperature, correlation
        return meta.get("origin", "")


def _digest(state: dict[str, torch.Tensor], temperature: float) -> str:
    """Compute the digest of a residual's weights and its temperature."""
    return digest_of_tensors(sorted(state.items()), repr(temperature))


def automatic_temperature(reference: np.ndarray, n: int, dim: int) -> float:
    """Choose T as 20 times the prior's standard deviation, and smaller below 4 samples per dimension.

    The loss bounds a residual by about ±1/(2λ), so it can correct a prior whose spread after division by T is of that
    order. With few samples a residual overfits them: T then decreases with n/D, so that the prior outweighs it.

    Args:
        reference: prior energies of reference features.
        n: number of training samples.
        dim: dimension D of the features.
    """
    return max(_AUTO_SPREADS * min(1.0, n / (_ENOUGH * dim)) * float(np.std(reference)), 1e-12)


def fit_prior(
    name: str,
    train: Features,
    head: Head,
    covariance: str = "auto",
    fit_head: FitHead | None = None,
    id_set: str = "",
    weights: str = "uniform",
) -> CorrectedPrior:
    """Fit a prior on training features, and compute its reference energies.

    Args:
        name: gmm, gmm-std, el, dice, knn, vim or scale.
        train: training features with labels.
        head: linear head (weight (C, D), bias (C,)) that reads `avg`.
        covariance: covariance estimator of the mixtures, see `GaussianMixture`.
        fit_head: function that fits a head, given when `head` was itself fitted on these features; see `EnergyLogits`.
        id_set: cifar10, cifar100, imagenet or "", the ID set whose published values a prior uses.
        weights: class weights of the mixtures, see `GaussianMixture`.
    """
    view = VIEWS[name]
    z = view.rows(train)
    labels = train.required_labels(f"The prior {name}")
    prior = make_prior(name, head, fit_head, covariance, id_set, weights).fit(z, labels)
    rows, held_out = _reference_rows(z, labels)
    if held_out:
        keep = np.setdiff1d(np.arange(len(z)), rows)
        reference = prior.fit_clone(z[keep], labels[keep]).energy(z[rows])
    else:
        reference = map_blocks(prior.energy, z)
    return CorrectedPrior(name, view, prior, reference, rows, held_out, _non_negative(z), dim=z.shape[1])


def refit_prior(name: str, train: Features, head: Head, covariance: str, weights: str, id_set: str) -> CorrectedPrior:
    """Fit the prior of a finished run again, on the same training features, without its residual.

    The result computes energies only. Training needs reference energies, which `fit_prior` computes.
    """
    z, labels = VIEWS[name].rows(train), train.required_labels(f"The prior {name}")
    return make_scoring_prior(
        name, make_prior(name, head, None, covariance, id_set, weights).fit(z, labels), z.shape[1]
    )


def make_scoring_prior(name: str, prior: Prior, dim: int) -> CorrectedPrior:
    """Wrap a fitted prior of (N, dim) features for computing energies, without the reference that training needs."""
    empty = np.empty(0)
    return CorrectedPrior(name, VIEWS[name], prior, empty, empty, False, non_negative=False, dim=dim)


def restore_prior(
    name: str, train: Features, head: Head, covariance: str, weights: str, id_set: str, path: Path
) -> CorrectedPrior:
    """Restore the corrected prior of a finished run: fit the prior again and read its residual from `path`."""
    corrected = refit_prior(name, train, head, covariance, weights, id_set)
    corrected.load(path)
    return corrected


def _non_negative(z: Rows) -> bool:
    return all(bool((block >= 0).all()) for _, block in blocks(z))


def _reference_rows(z: Rows, labels: np.ndarray) -> tuple[np.ndarray, bool]:
    """Choose the training rows whose energies are the reference, and return whether they are held out from the fit.

    These are all rows, or every fifth of each class if there are fewer than 10 samples per dimension. A class with
    fewer than five samples has none held out; where all classes together have fewer than five held out, these are all
    rows, since so few have no spread.
    """
    held_out = np.flatnonzero(rank_in_class(labels, len(z)) % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1)
    if len(z) >= _FEW * z.shape[1] or len(held_out) < _HELD_OUT_EVERY:
        return np.arange(len(z)), False
    return held_out, True
