"""Speed of this machine, learned from the events of earlier runs."""

import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from heat_core.energies.settings import settings_for
from heat_core.errors import HeatError
from heat_core.runs.events import Event
from heat_core.runs.experiment import Experiment
from heat_core.runs.manage import list_runs
from heat_core.runs.run import Run

_GUESSED_IMAGES = 100.0  # images per second of a small network on two cores
_GUESSED_MULTIPLY_ADDS = 3e10  # per second, in float32 on two cores
_UNKNOWN_DIMENSIONS = 1000


@dataclass(frozen=True)
class Throughput:
    """Speed of extraction or training.

    Attributes:
        rate: images, or multiply-adds, per second.
        run: id of the run in which it was measured; "" = a guess.
    """

    rate: float
    run: str = ""


def extraction_throughput(backbone: str, size: int | None) -> Throughput:
    """Return the images per second of the last run with this backbone at this image size."""
    for run in list_runs():
        if run.experiment.backbone == backbone and run.experiment.image_size == size:
            rates = [e["images_per_s"] for e in run.events() if "images_per_s" in e]
            if rates and 0 < max(rates) < math.inf:
                return Throughput(max(rates), run.id)
    return Throughput(_GUESSED_IMAGES)


def training_throughput(preset: str) -> Throughput:
    """Return the multiply-adds per second of residual training.

    The last run with this preset is used, whose networks have the same size, or else the last run with any preset.
    """
    for run in sorted(list_runs(), key=lambda run: run.experiment.preset != preset):
        with suppress(HeatError):  # the run has no residual yet, or one of its files is damaged
            if rate := _training_rate(run):
                return Throughput(rate, run.id)
    return Throughput(_GUESSED_MULTIPLY_ADDS)


def feature_dimension(backbone: str) -> int:
    """Return the feature dimension D from an earlier run of this backbone, else 1000."""
    for run in list_runs():
        if run.experiment.backbone == backbone:
            with suppress(HeatError):
                return run.head[0].shape[1]
    return _UNKNOWN_DIMENSIONS


def multiply_adds(experiment: Experiment, prior: str, images: int, dim: int) -> float:
    """Count the multiply-adds of training one residual to its last epoch.

    Args:
        experiment: experiment with the training settings.
        prior: prior of the residual.
        images: number of training images.
        dim: dimension of their features.
    """
    s = settings_for(prior, experiment.preset, experiment.settings)
    batch = max(min(s.batch_size, images), 1)
    updates = s.updates or s.epochs * max(images // batch, 1)
    network = dim * s.width + s.hidden_layers * s.width**2
    return updates * max(s.langevin_steps, 1) * batch * (2.0 * network + dim**2)


def _training_rate(run: Run) -> float:
    """Compute the multiply-adds per second over all epochs of a run; 0 where none was timed."""
    timed = {prior: list(_timed_epochs(prior, run.events())) for prior in run.experiment.priors}
    if not any(timed.values()):
        return 0.0
    images, dim = len(run.training_ids), run.head[0].shape[1]
    seconds = operations = 0.0
    for prior, epochs_of_prior in timed.items():
        for seconds_of_epoch, epochs in epochs_of_prior:
            operations += multiply_adds(run.experiment, prior, images, dim) / epochs
            seconds += seconds_of_epoch
    return operations / seconds


def _timed_epochs(prior: str, events: Iterable[Event]) -> Iterator[tuple[float, int]]:
    """Yield (seconds, number of all epochs) for each complete epoch whose beginning was reported too.

    An epoch in which training saturated is not complete; one after an interruption began before it was reported.
    """
    before: Event | None = None
    for event in events:
        if event["stage"] != "residual" or event.get("prior") != prior:
            before = None
            continue
        if before and event.get("epoch") == before.get("epoch", 0) + 1 and not event.get("saturated"):
            seconds = event["time"] - before["time"]
            if 0 < seconds < math.inf and event.get("epochs", 0) > 0:
                yield seconds, event["epochs"]
        before = event
