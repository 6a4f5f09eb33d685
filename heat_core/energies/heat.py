"""HEAT: K priors, each corrected by its residual (Eq. 2), standardised to be composed (App. A.2)."""

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

_FEW = 10  # below this many samples a dimension the energies of training features are not those of unseen ones
_HELD_OUT_EVERY = 5
_AUTO_SPREADS = 20  # an automatic T brings the prior's spread to 1/20, the reach of a residual at λ = 10


@dataclass
class CorrectedPrior:
    """One prior with its residual.

    Attributes:
        name: of the prior.
        view: what it reads of the features.
        prior: fitted.
        reference: (M,) prior energies of ID features, held out from the fit where samples are few: the scale on which
            the temperature is chosen and the energies are standardised.
        reference_rows: (M,) which training samples those are.
        held_out: whether they were held out from the fit.
        non_negative: whether the training features are, as after a ReLU: Langevin steps stay there.
        temperature: T, which divides the prior's energy.
        residual: E_θ, or None before training.
        dim: D of the features that it reads, where that is known.
        rho: spread of E_θ over that of E_q / T that its training gave it; None where that was left as it came.
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

    def prior_energy(self, features: Features) -> np.ndarray:
        """E_q of (N,) samples, float64."""
        return map_blocks(self.prior.energy, self.view.rows(features))

    def residual_energy(self, features: Features) -> np.ndarray:
        """E_θ of (N,) samples; zeros before training."""
        if self.residual is None:
            return np.zeros(len(features))
        return self.residual.energies(self.view.rows(features))

    def hybrid_energy(self, features: Features) -> np.ndarray:
        """E_q / T + E_θ of (N,) samples (Eq. 2)."""
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
        """Train the residual (Algorithm 1) on the training features, and rescale it; returns why training stopped
        early, or None."""
        z = load_training_features(self.view.rows(features), device, max_device_bytes)
        self.temperature = settings.temperature or automatic_temperature(self.reference, *z.shape)
        project = partial(self.view.project, non_negative=self.non_negative)
        trained = train_residual(self.prior, z, settings, self.temperature, project, seed, on_epoch)
        self.residual = trained.residual.cpu()
        if settings.rescale:
            self._rescale(features, trained.label_correlation)
        return trained.stopped

    def _rescale(self, features: Features, label_correlation: float) -> None:
        """Bring the residual to its `target_scale` relative to the prior."""
        assert self.residual is not None
        prior, residual = self.reference / self.temperature, self.residual_energy(features)[self.reference_rows]
        z, weight = self.view.rows(features), self.prior.head_weight
        outside_head = None if weight is None else residual_scale.variance_outside_head(weight, z)
        n, dim = z.shape
        self.rho = residual_scale.target_scale(n, dim, outside_head, label_correlation)
        self.residual.scale(residual_scale.rescale_factor(self.rho, float(prior.std()), float(residual.std())))

    def statistics(self, features: Features) -> tuple[float, float]:
        """Mean and standard deviation of the hybrid energy on the reference rows of the training set."""
        hybrid = self.reference / self.temperature + self.residual_energy(features)[self.reference_rows]
        return float(hybrid.mean()), float(hybrid.std())

    def save(self, path: Path, settings: ResidualSettings) -> None:
        """Write the residual (safetensors) with its temperature and shape."""
        if self.residual is None:
            raise HeatError(f"The residual of {self.name} is not trained yet: there is nothing to save.")
        shape = {"width": str(settings.width), "hidden_layers": str(settings.hidden_layers)}
        state = self.residual.state_dict()
        meta = {"temperature": repr(self.temperature), "digest": _digest(state, self.temperature)} | shape
        with replacing(path) as temp_path:
            temp_path.write_bytes(save(state, metadata=meta))

    def load(self, path: Path) -> None:
        """Read back what `save` wrote; HeatError where it is damaged, or the residual of other features."""
        cure = "delete it and resume the run"
        try:
            with safe_open(path, framework="pt") as file:
                meta = file.metadata()
                state = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 (not a dict)
            dim = state["0.weight"].shape[1]
            residual = ResidualMLP(dim, int(meta["width"]), int(meta["hidden_layers"]))
            residual.load_state_dict(state)
            temperature = float(meta["temperature"])
        except (SafetensorError, OSError, KeyError, IndexError, RuntimeError, TypeError, ValueError) as error:
            raise HeatError(f"{path} is cut off or damaged: {cure}.") from error
        if meta.get("digest", "") not in ("", _digest(state, temperature)):
            raise HeatError(f"{path} is damaged, it is not what was written: {cure}.")
        finite = all(bool(torch.isfinite(values).all()) for values in state.values())
        if not finite or not 0 < temperature < float("inf"):
            raise HeatError(f"{path} is damaged, it holds NaN or infinity: {cure}.")
        if self.dim is not None and dim != self.dim:
            raise HeatError(f"{path} is the residual of {dim} features, and these have {self.dim}: {cure}.")
        self.residual, self.temperature = residual, temperature


def _digest(state: dict[str, torch.Tensor], temperature: float) -> str:
    """Of a residual's weights and its temperature."""
    return digest_of_tensors(sorted(state.items()), repr(temperature))


def automatic_temperature(reference: np.ndarray, n: int, dim: int) -> float:
    """T from the prior's spread on reference features: 20 spreads, fewer below 4 samples a dimension.

    The loss holds a residual within ±1/(2λ); it can correct a prior whose spread after division by T is of that order.
    Trained on few samples it learns them by heart, and T shrinks with n/D so that it cannot outvote the prior.
    """
    return max(_AUTO_SPREADS * min(1.0, n / (residual_scale.SAMPLES_PER_DIM * dim)) * float(np.std(reference)), 1e-12)


def fit_prior(
    name: str,
    train: Features,
    head: Head,
    covariance: str = "auto",
    fit_head: FitHead | None = None,
    id_set: str = "",
    weights: str = "uniform",
) -> CorrectedPrior:
    """Fit a prior on training features.

    Args:
        name: gmm, gmm-std, el, dice, knn, vim or scale.
        train: with labels.
        head: (weight, bias) that reads `avg`.
        covariance: of the mixtures, see there.
        fit_head: makes a head, where the given one was itself fitted on these features (see `EnergyLogits`).
        id_set: cifar10, cifar100, imagenet or "": whose published values a prior takes.
        weights: of the mixtures' classes, see there.
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
    """A finished run's prior, fitted on the same training features; it has no residual yet.

    It gives energies; for training, which needs a scale, there is `fit_prior`.
    """
    z, labels = VIEWS[name].rows(train), train.required_labels(f"The prior {name}")
    return make_scoring_prior(
        name, make_prior(name, head, None, covariance, id_set, weights).fit(z, labels), z.shape[1]
    )


def make_scoring_prior(name: str, prior: Prior, dim: int) -> CorrectedPrior:
    """A fitted prior of (N, dim) features that gives energies; what only its training reads is left empty."""
    empty = np.empty(0)
    return CorrectedPrior(name, VIEWS[name], prior, empty, empty, False, non_negative=False, dim=dim)


def restore_prior(
    name: str, train: Features, head: Head, covariance: str, weights: str, id_set: str, path: Path
) -> CorrectedPrior:
    """A finished run's corrected prior: as `refit_prior`, its residual read from `path`."""
    corrected = refit_prior(name, train, head, covariance, weights, id_set)
    corrected.load(path)
    return corrected


def _non_negative(z: Rows) -> bool:
    return all(bool((block >= 0).all()) for _, block in blocks(z))


def _reference_rows(z: Rows, labels: np.ndarray) -> tuple[np.ndarray, bool]:
    """Which training rows set the scale: all of them, or every fifth of each class where samples are few.

    A class with fewer than five keeps them all for the fit.
    """
    held_out = np.flatnonzero(rank_in_class(labels, len(z)) % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1)
    if len(z) >= _FEW * z.shape[1] or not len(held_out):
        return np.arange(len(z)), False
    return held_out, True
