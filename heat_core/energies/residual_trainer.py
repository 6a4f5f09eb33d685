"""Training of a residual (Algorithm 1 of the paper)."""

import copy
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from heat_core.energies.langevin import PointMap, hybrid_gradient, langevin
from heat_core.energies.priors.base import Prior
from heat_core.energies.residual import ResidualMLP, label_correlation, residual_loss
from heat_core.energies.settings import ResidualSettings
from heat_core.energies.training_features import TrainingFeatures, column_spread

_AVERAGED_UPDATES = 5  # updates over which the label correlation, and the loss to compare with its bound, are averaged
_WATCHED = 512  # training features on which the spread of E_θ is watched: its error is then 3 %
EpochRecord = dict[str, Any]  # what `on_epoch` receives after each epoch
UpdateRecord = dict[str, float]


@dataclass
class TrainedResidual:
    """A trained residual.

    Attributes:
        residual: the network of E_θ.
        label_correlation: correlation of E_θ with its label (0 data, 1 negative), averaged over the last updates: from
            0 (nothing was learned) to 1.
        stopped: why training had to stop early, or None.
    """

    residual: ResidualMLP
    label_correlation: float
    stopped: str | None = None


def train_residual(
    prior: Prior,
    z: TrainingFeatures,
    settings: ResidualSettings,
    temperature: float,
    project: PointMap = lambda z: z,
    seed: int = 0,
    on_epoch: Callable[[EpochRecord], None] = lambda _: None,
) -> TrainedResidual:
    """Train one residual (Algorithm 1) on the device of `z`.

    Divergence (a non-finite loss or weight) stops the training and keeps the weights of the last good epoch. With
    `settings.saturation` the training ends when the loss is near its bound: data and negatives are then separated, and
    further updates only overfit the training features. With `settings.stop_below` too it goes on until the spread of
    E_θ over the training features has passed its largest value, as it does when data and negatives are separated (see
    `residual_scale`, also for what is not known about this rule).

    Args:
        prior: the fitted prior.
        z: (N, D) training features of the prior's view.
        settings: see `ResidualSettings`.
        temperature: T, by which E_q is divided.
        project: projection of points onto the feature space, (n, D) → (n, D).
        seed: seed of the network's first weights and of every draw.
        on_epoch: callback that receives a record after each epoch: the epoch, their number, `eta` (remaining seconds),
            `saturated` (whether training ends before its last epoch), and the means of loss and energies (see
            `ResidualTrainer.update`).
    """
    return ResidualTrainer(prior, z, settings, temperature, project, seed).train(on_epoch)


class ResidualTrainer:
    """State of Algorithm 1 for one prior: a new network, its optimiser and its random numbers.

    Args:
        prior: the fitted prior, which gives E_q and its gradient.
        z: (N, D) training features, on the device of the training.
        settings: see `ResidualSettings`.
        temperature: T, by which E_q is divided.
        project: projection of points onto the feature space, (n, D) → (n, D).
        seed: seed of the network's first weights and of every draw.
    """

    def __init__(
        self,
        prior: Prior,
        z: TrainingFeatures,
        settings: ResidualSettings,
        temperature: float,
        project: PointMap = lambda z: z,
        seed: int = 0,
    ) -> None:
        self.prior, self.z, self.settings = prior, z, settings
        self.temperature, self.project = temperature, project
        self.generator = torch.Generator(device=z.device).manual_seed(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            residual = ResidualMLP(z.shape[1], settings.width, settings.hidden_layers)
        self.residual = residual.to(z.device)
        self.averaged = copy.deepcopy(self.residual) if settings.averaging else self.residual
        self.optimiser = torch.optim.Adam(
            self.residual.parameters(), lr=settings.learning_rate, betas=(settings.adam_beta1, 0.999)
        )
        self.batch_size = min(settings.batch_size, len(z))
        self.epochs = min(settings.epochs, settings.updates) if settings.updates else settings.epochs
        self.spread = column_spread(z)
        self._recent_losses: deque[float] = deque(maxlen=_AVERAGED_UPDATES)
        self._recent_correlations: deque[float] = deque(maxlen=_AVERAGED_UPDATES)
        self._watched = _spaced_rows(z) if settings.stop_below else None
        self._largest_spread = 0.0

    def train(self, on_epoch: Callable[[EpochRecord], None]) -> TrainedResidual:
        """Train for all epochs, or until further training would overfit or the loss diverges."""
        epochs, correlation = self.epochs, 0.0
        last_good, start_time = self._copy_weights(), time.monotonic()
        for epoch in range(1, epochs + 1):
            self._decay_learning_rate(epoch)
            updates, is_finished = self._run_epoch(epoch)
            means = _mean_record(updates)
            if self._has_diverged(means["loss"]):
                self.averaged.load_state_dict(last_good)
                return TrainedResidual(self.averaged, correlation, _divergence_message(epoch))
            last_good = self._copy_weights()
            correlation = sum(self._recent_correlations) / len(self._recent_correlations)
            left = (time.monotonic() - start_time) / epoch * (epochs - epoch)
            progress = {"epoch": epoch, "epochs": epochs, "eta": 0.0 if is_finished else left}
            on_epoch({**progress, "saturated": is_finished, **means})
            if is_finished:
                break
        return TrainedResidual(self.averaged, correlation)

    def _run_epoch(self, epoch: int) -> tuple[list[UpdateRecord], bool]:
        """Update batch by batch, and return the updates' records and whether further training would overfit."""
        updates: list[UpdateRecord] = []
        is_finished = False
        for rows in self._draw_batches(self._updates_in(epoch)):
            updates.append(self.update(self.z[rows], with_energies=not updates))
            self._recent_losses.append(updates[-1]["loss"])
            self._recent_correlations.append(updates[-1]["learned"])
            has_fallen = self._spread_has_fallen()  # measured after every update, to know the largest
            if is_finished := has_fallen and self._is_saturated():
                break
        return updates, is_finished

    def update(self, data: torch.Tensor, with_energies: bool = False) -> UpdateRecord:
        """Run one iteration of Algorithm 1 on a batch.

        Args:
            data: (n, D) batch z of the training features D_z.
            with_energies: whether the mean hybrid energies at the chains' starts, at their ends and on the data are
                recorded as well.

        Returns:
            The loss, the mean of E_θ on data and on negatives, its spread on data, and `learned`, the label
            correlation.
        """
        starts = self._sample_starts(data)  # z'_0 ~ q
        ends = self._run_chains(starts)  # z'_T, by SGLD (Eq. 4)
        negatives = torch.cat([ends, starts]) if self.settings.starts_are_negatives else ends
        inputs = self._add_noise(torch.cat([data, negatives]))
        on_data, on_negatives = self.residual(inputs).split([len(data), len(negatives)])
        loss = residual_loss(on_data, on_negatives, self.settings.lambda_)  # L_Tot (Eq. 6)
        self._descend(loss)  # θ ← θ - α ∇L_Tot
        record = {
            "loss": loss.item(),
            "residual_data": on_data.mean().item(),
            "residual_negatives": on_negatives.mean().item(),
            "residual_spread": on_data.std(correction=0).item(),
            "learned": self._label_correlation(inputs, on_data, on_negatives),
        }
        if with_energies:
            points = {"hybrid_starts": starts, "hybrid_ends": ends, "hybrid_data": data}
            record |= {name: self._mean_hybrid_energy(values) for name, values in points.items()}
        return record

    def _sample_starts(self, data: torch.Tensor) -> torch.Tensor:
        """Draw the (n, D) starting points of the chains, as `settings.start` asks for.

        They are samples of the prior, samples of a standard normal, or the data plus Gaussian noise with the standard
        deviation of each dimension, which weakens the correlations between dimensions.
        """
        if self.settings.start == "prior":
            return self.project(self.prior.sample(len(data), self.generator, like=data))
        noise = torch.randn(data.shape, generator=self.generator, device=data.device, dtype=data.dtype)
        return self.project(data + self.spread * noise if self.settings.start == "data" else noise)

    def _run_chains(self, starts: torch.Tensor) -> torch.Tensor:
        gradient = hybrid_gradient(self.prior, self.residual, self.temperature)
        return langevin(starts, gradient, self.settings, self.project, self.generator)

    def _add_noise(self, inputs: torch.Tensor) -> torch.Tensor:
        """Add Gaussian noise to inputs of E_θ (App. B)."""
        noise = torch.randn(inputs.shape, generator=self.generator, device=inputs.device)
        return inputs + self.settings.input_noise * noise

    @torch.no_grad()
    def _label_correlation(self, inputs: torch.Tensor, on_data: torch.Tensor, on_negatives: torch.Tensor) -> float:
        """Compute the label correlation of the network that is returned, which may be the last one itself."""
        if self.averaged is not self.residual:
            on_data, on_negatives = self.averaged(inputs).split([len(on_data), len(on_negatives)])
        return label_correlation(on_data, on_negatives).item()

    def _descend(self, loss: torch.Tensor) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        if self.averaged is not self.residual:
            with torch.no_grad():
                for average, last in zip(self.averaged.parameters(), self.residual.parameters(), strict=True):
                    average.lerp_(last, 1 - self.settings.averaging)

    def _mean_hybrid_energy(self, points: torch.Tensor) -> float:
        with torch.no_grad():
            return (self.prior.energy(points) / self.temperature + self.residual(points)).mean().item()

    def _updates_in(self, epoch: int) -> int:
        """Return the number of updates of an epoch: one pass, or an equal part, to within one, of `updates`."""
        if not self.settings.updates:
            return max(len(self.z) // self.batch_size, 1)
        done_before, done_after = (self.settings.updates * e // self.epochs for e in (epoch - 1, epoch))
        return done_after - done_before

    def _draw_batches(self, batches: int) -> list[torch.Tensor]:
        """Draw the row indices of an epoch's batches; a small set is shuffled and used again until there are enough."""
        n, rows_needed = len(self.z), batches * self.batch_size
        passes = -(-rows_needed // n)
        order = [torch.randperm(n, generator=self.generator, device=self.z.device) for _ in range(passes)]
        return list(torch.cat(order)[:rows_needed].split(self.batch_size))

    def _decay_learning_rate(self, epoch: int) -> None:
        """Divide the learning rate by ten after `drop_after` epochs."""
        if self.settings.drop_after and epoch == self.settings.drop_after + 1:
            for group in self.optimiser.param_groups:
                group["lr"] /= 10

    def _is_saturated(self) -> bool:
        """Return whether the mean loss of the last updates has reached the share `saturation` of its bound -1/(2λ)."""
        losses = self._recent_losses
        if not self.settings.saturation or len(losses) < _AVERAGED_UPDATES:
            return False
        return sum(losses) / len(losses) <= -self.settings.saturation / (2 * self.settings.lambda_)

    def _spread_has_fallen(self) -> bool:
        """Return whether the spread of E_θ on training features is below `stop_below` times its largest value.

        The spread of the first weights does not count: nothing is learned until the loss is below 0.
        """
        if self._watched is None:
            return True
        if sum(self._recent_losses) >= 0:
            return False
        with torch.no_grad():
            spread = self.averaged(self._watched).std(correction=0).item()
        self._largest_spread = max(self._largest_spread, spread)
        return spread < self.settings.stop_below * self._largest_spread

    def _has_diverged(self, loss: float) -> bool:
        return loss != loss or not all(torch.isfinite(p).all() for p in self.residual.parameters())

    def _copy_weights(self) -> dict[str, torch.Tensor]:
        return {name: values.detach().clone() for name, values in self.averaged.state_dict().items()}


def _spaced_rows(z: TrainingFeatures) -> torch.Tensor:
    """Return at most `_WATCHED` rows at equal distances, so that each class of ordered features has its share."""
    return z[torch.linspace(0, len(z) - 1, min(len(z), _WATCHED), dtype=torch.float64).round().long().to(z.device)]


def _mean_record(updates: list[UpdateRecord]) -> UpdateRecord:
    """Average each number over the updates that recorded it."""
    return {k: sum(u[k] for u in updates if k in u) / sum(k in u for u in updates) for k in updates[0]}


def _divergence_message(epoch: int) -> str:
    return (
        f"Training diverged in epoch {epoch}: the weights of epoch {epoch - 1} are kept; lower the learning rate or "
        "the step size."
    )
