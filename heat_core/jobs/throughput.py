"""What this machine does in a second, learned from what the jobs of earlier runs reported."""

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

_GUESSED_IMAGES = 100.0  # a second: a small network on two cores
_GUESSED_MULTIPLY_ADDS = 3e10  # a second, of float32, on two cores
_UNKNOWN_DIMENSIONS = 1000


@dataclass(frozen=True)
class Throughput:
    """How fast something goes.

    Attributes:
        rate: a second.
        run: the id of the run in which that was measured; "" = in none, it is a guess.
    """

    rate: float
    run: str = ""


def extraction_throughput(backbone: str, size: int | None) -> Throughput:
    """Images a second, in the last run with this backbone at this size."""
    for run in list_runs():
        if run.experiment.backbone == backbone and run.experiment.image_size == size:
            rates = [e["images_per_s"] for e in run.events() if "images_per_s" in e]
            if rates and 0 < max(rates) < math.inf:
                return Throughput(max(rates), run.id)
    return Throughput(_GUESSED_IMAGES)


def training_throughput(preset: str) -> Throughput:
    """Multiply-adds a second of residual training: in the last run with this preset, whose networks are as large, or
    else in the last one at all.
    """
    for run in sorted(list_runs(), key=lambda run: run.experiment.preset != preset):
        with suppress(HeatError):  # it has not come that far, or a file of it is damaged
            if rate := _training_rate(run):
                return Throughput(rate, run.id)
    return Throughput(_GUESSED_MULTIPLY_ADDS)


def feature_dimension(backbone: str) -> int:
    """Of the features, known once the backbone has run."""
    for run in list_runs():
        if run.experiment.backbone == backbone:
            with suppress(HeatError):
                return run.head[0].shape[1]
    return _UNKNOWN_DIMENSIONS


def multiply_adds(experiment: Experiment, prior: str, images: int, dim: int) -> float:
    """Multiply-adds of training one residual to its last epoch.

    Args:
        experiment: whose settings count.
        prior: of which energy.
        images: how many are trained on.
        dim: dimensions of their features.
    """
    s = settings_for(prior, experiment.preset, experiment.settings)
    batch = max(min(s.batch_size, images), 1)
    updates = s.updates or s.epochs * max(images // batch, 1)
    network = dim * s.width + s.hidden_layers * s.width**2
    return updates * max(s.langevin_steps, 1) * batch * (2.0 * network + dim**2)


def _training_rate(run: Run) -> float:
    """Multiply-adds a second over all epochs of a run; 0 where none was timed."""
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
    """(seconds, how many epochs there are) of each whole epoch whose beginning was reported too.

    One in which training saturated is not whole, and one after an interruption began before it.
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
