"""HEAT: K priors, each corrected by its residual (Eq. 2), standardised to be composed (App. A.2)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from heat_core.errors import HeatError
from heat_core.features import Features, rank_in_class
from heat_core.priors import VIEWS, Prior, View, make_prior
from heat_core.residual import ResidualMLP, train_residual
from heat_core.settings import ResidualSettings
from heat_core.storage import replacing

_FEW = 10  # below this many samples a dimension the energies of training features are not those of unseen ones
_HELD_OUT_EVERY = 5
_AUTO_SPREADS = 20  # an automatic T brings the prior's spread to 1/20, the reach of a residual at λ = 10
_ENOUGH = 4  # samples a dimension from which a residual generalises; with fewer the prior keeps more of the say


@dataclass
class CorrectedPrior:
    """One prior with its residual.

    Attributes:
        reference: (M,) prior energies of ID features, held out from the fit where samples are few: the scale on which
            the temperature is chosen and the energies are standardised. held_out: whether they are.
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

    def prior_energy(self, features: Features) -> np.ndarray:
        """E_q of (N,) samples, float64."""
        return self.prior.energy(self.view.of(features))

    def residual_energy(self, features: Features) -> np.ndarray:
        """E_θ of (N,) samples; zeros before training."""
        if self.residual is None:
            return np.zeros(len(features))
        return self.residual.energies(self.view.of(features))

    def hybrid_energy(self, features: Features) -> np.ndarray:
        """E_q / T + E_θ of (N,) samples (Eq. 2)."""
        return self.prior_energy(features) / self.temperature + self.residual_energy(features)

    def train(self, features: Features, settings: ResidualSettings, device: torch.device, seed: int, on_epoch):
        """Train the residual (Algorithm 1) on the training features; returns why it stopped early, or None."""
        z = torch.tensor(self.view.of(features), device=device)
        self.temperature = settings.temperature or automatic_temperature(self.reference, *z.shape)
        done = train_residual(
            self.prior, z, settings, self.temperature,
            lambda points: self.view.project(points, self.non_negative), seed, on_epoch,
        )  # fmt: skip
        self.residual = done.residual.cpu()
        return done.stopped

    def statistics(self, features: Features) -> tuple[float, float]:
        """Mean and standard deviation of the hybrid energy on the reference rows of the training set."""
        hybrid = self.reference / self.temperature + self.residual_energy(features)[self.reference_rows]
        return float(hybrid.mean()), float(hybrid.std())

    def save(self, path: Path, settings: ResidualSettings) -> None:
        """Write the residual (safetensors) with its temperature and shape."""
        meta = {"temperature": repr(self.temperature), "width": str(settings.width),
                "hidden_layers": str(settings.hidden_layers)}  # fmt: skip
        with replacing(path) as beside:
            beside.write_bytes(save(self.residual.state_dict(), metadata=meta))

    def load(self, path: Path) -> None:
        """Read back what `save` wrote."""
        try:
            with safe_open(path, framework="pt") as file:
                meta = file.metadata()
                state = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 (not a dict)
            dim = state["0.weight"].shape[1]
            residual = ResidualMLP(dim, int(meta["width"]), int(meta["hidden_layers"]))
            residual.load_state_dict(state)
        except (SafetensorError, OSError, KeyError, RuntimeError, TypeError) as error:
            raise HeatError(f"{path} is cut off or damaged: delete it and resume the run.") from error
        self.residual, self.temperature = residual, float(meta["temperature"])


def automatic_temperature(reference: np.ndarray, n: int, dim: int) -> float:
    """T from the prior's spread on reference features: 20 spreads, fewer below 4 samples a dimension.

    The loss holds a residual within ±1/(2λ); it can correct a prior whose spread after division by T is of that order.
    Trained on few samples it learns them by heart, and T shrinks with n/D so that it cannot outvote the prior.
    """
    return max(_AUTO_SPREADS * min(1.0, n / (_ENOUGH * dim)) * float(np.std(reference)), 1e-12)


def fit_prior(
    name: str, train: Features, head, covariance: str = "auto", fit_head=None, id_set: str = ""
) -> CorrectedPrior:
    """Fit a prior on training features.

    Args:
        name: gmm, gmm-std, el, dice, knn or vim. head: (weight, bias) that reads `avg`. covariance: of the mixtures, see there.
        fit_head: makes a head, where the given one was itself fitted on these features (see `EnergyLogits`).
        id_set: cifar10, cifar100, imagenet or "": whose published values a prior takes.
    """
    view = VIEWS[name]
    z = view.of(train)
    prior = make_prior(name, head, fit_head, covariance, id_set).fit(z, train.labels)
    rows, held_out = _reference_rows(z, train.labels)
    if held_out:
        keep = np.setdiff1d(np.arange(len(z)), rows)
        reference = prior.refit(z[keep], train.labels[keep]).energy(z[rows])
    else:
        reference = prior.energy(z)
    return CorrectedPrior(name, view, prior, reference, rows, held_out, non_negative=bool((z >= 0).all()))


def restore(name: str, train: Features, head, covariance: str, id_set: str, path: Path) -> CorrectedPrior:
    """A finished run's corrected prior: fitted again on the same training features, its residual read from `path`.

    It gives energies; for training, which needs a scale, there is `fit_prior`.
    """
    view = VIEWS[name]
    z = view.of(train)
    nothing = np.empty(0)
    prior = make_prior(name, head, None, covariance, id_set).fit(z, train.labels)
    part = CorrectedPrior(name, view, prior, nothing, nothing, False, bool((z >= 0).all()))
    part.load(path)
    return part


def _reference_rows(z: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, bool]:
    """Which training rows set the scale: all of them, or every fifth of each class where samples are few.

    A class with fewer than five keeps them all for the fit.
    """
    held_out = np.flatnonzero(rank_in_class(labels, len(z)) % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1)
    if len(z) >= _FEW * z.shape[1] or not len(held_out):
        return np.arange(len(z)), False
    return held_out, True
