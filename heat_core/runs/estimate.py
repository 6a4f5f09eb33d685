"""How long an experiment will take: counted from its images, and from the pace of the last run of that backbone."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from heat_core.energies.settings import settings_for
from heat_core.errors import HeatError
from heat_core.features.datasets import TORCHVISION, open_dataset
from heat_core.features.features import Features
from heat_core.runs.experiment import FEATURES, Experiment
from heat_core.runs.run import list_runs

_UNKNOWN_PACE = 100.0  # images a second: a small network on two cores
_MULTIPLY_ADDS_A_SECOND = 3e10  # of float32, on two cores
_UNKNOWN_DIMENSIONS = 1000


@dataclass(frozen=True)
class Estimate:
    """What an experiment will cost.

    Attributes:
        samples: images to extract, or samples of given features.
        extraction: seconds for their features; None where they are given.
        training: seconds for the residuals, at most, on two CPU cores.
        measured: whether the pace of extraction is that of an earlier run with this backbone.
        downloads: whether sets come on top that would be downloaded first.
    """

    samples: int
    extraction: float | None
    training: float
    measured: bool = False
    downloads: bool = False


def count_images(source: str, role: str, limit: int | None) -> int:
    """How many images of a set will be read; HeatError where it cannot be opened."""
    return len(open_dataset(source, role).limited(limit))


def count_given(source: str) -> int:
    """How many samples a folder of features has; it reads all of them, to refuse NaN."""
    return len(Features.open(Path(source).expanduser()))


def estimate(
    experiment: Experiment,
    images: Callable[[str, str, int | None], int] = count_images,
    given: Callable[[str], int] = count_given,
) -> Estimate:
    """Estimate an experiment; HeatError where a set cannot be opened. Sets that would be downloaded are not counted.

    Args:
        experiment: what would be done.
        images: counts the images of a set; a caller may remember what it counted.
        given: counts the samples of a folder of features.
    """
    e = experiment
    if e.backbone == FEATURES:
        counts = [given(s) for s in (e.id, *([e.id_test] if e.id_test else []), *e.ood.values())]
        return Estimate(sum(counts), None, _training(e, counts[0]))
    sources = [(e.id, "train"), *([(e.id_test, "test")] if e.id_test else []), *((s, "test") for s in e.ood.values())]
    counts = [images(s, role, e.limit) for s, role in sources if s not in TORCHVISION]
    pace, measured = _pace(e.backbone, e.image_size)
    first = counts[0] if counts else 0
    return Estimate(sum(counts), sum(counts) / pace, _training(e, first), measured, len(counts) < len(sources))


def _pace(backbone: str, size: int | None) -> tuple[float, bool]:
    """Images a second, and whether that was measured."""
    for run in list_runs():
        if run.experiment.backbone == backbone and run.experiment.image_size == size:
            rates = [e["images_per_s"] for e in run.events() if "images_per_s" in e]
            if rates:
                return max(rates), True
    return _UNKNOWN_PACE, False


def _dimensions(backbone: str) -> int:
    """Of the features, known once the backbone has run."""
    for run in list_runs():
        if run.experiment.backbone == backbone:
            with suppress(HeatError):  # it has not come that far, or its file is damaged
                return run.head[0].shape[1]
    return _UNKNOWN_DIMENSIONS


def _training(e: Experiment, images: int) -> float:
    """Seconds for the residuals, counted from their multiplications."""
    seconds, dim = 0.0, _dimensions(e.backbone)
    for prior in e.priors:
        s = settings_for(prior, e.preset, e.settings)
        updates = s.updates or s.epochs * max(images // s.batch_size, 1)
        network = dim * s.width + s.hidden_layers * s.width**2
        work = updates * max(s.langevin_steps, 1) * s.batch_size * (2 * network + dim**2)
        seconds += work / _MULTIPLY_ADDS_A_SECOND
    return seconds
