"""How long an experiment will take: counted from its images, and from what this machine did in earlier runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from heat_core.features.datasets import TORCHVISION, open_dataset
from heat_core.features.features import Features
from heat_core.runs import pace
from heat_core.runs.experiment import FEATURES, Experiment


@dataclass(frozen=True)
class Estimate:
    """What an experiment will cost.

    Attributes:
        samples: images to extract, or samples of given features.
        extraction: seconds for their features; None where they are given.
        training: seconds for the residuals, at most.
        extraction_like: the id of the run whose pace of extraction was taken; "" = guessed.
        training_like: the id of the run whose pace of training was taken; "" = guessed, for two CPU cores.
        downloads: whether sets come on top that would be downloaded first.
    """

    samples: int
    extraction: float | None
    training: float
    extraction_like: str = ""
    training_like: str = ""
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
        seconds, like = _training(e, counts[0])
        return Estimate(sum(counts), None, seconds, training_like=like)
    sources = [
        (e.id, "train", e.limit),
        *([(e.id_test, "test", e.limit_test or e.limit)] if e.id_test else []),
        *((source, "test", e.limit_ood or e.limit) for source in e.ood.values()),
    ]
    here = [asked for asked in sources if asked[0] not in TORCHVISION]
    counts = [images(*asked) for asked in here]
    first = counts[0] if here and here[0] == sources[0] else 0
    extraction, (seconds, like) = pace.of_extraction(e.backbone, e.image_size), _training(e, first)
    total = sum(counts)
    return Estimate(total, total / extraction.rate, seconds, extraction.run, like, len(here) < len(sources))


def _training(e: Experiment, images: int) -> tuple[float, str]:
    """Seconds for the residuals, counted from their multiplications, and the run whose pace was taken."""
    found, dim = pace.of_training(e.preset), pace.dimensions(e.backbone)
    return sum(pace.work(e, prior, images, dim) for prior in e.priors) / found.rate, found.run
