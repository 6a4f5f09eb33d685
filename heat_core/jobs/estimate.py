"""How long an experiment will take: counted from its images, and from what this machine did in earlier runs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from heat_core.jobs import throughput
from heat_core.pipeline.experiment_sets import inspect_sets
from heat_core.runs.experiment import FEATURES, ID, TRAIN, Experiment


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


def estimate(experiment: Experiment, sizes: Mapping[str, int] | None = None) -> Estimate:
    """Estimate an experiment. Sets that would be downloaded are not counted.

    Args:
        experiment: what would be done.
        sizes: how many images (samples) each set has, as in `experiment_sets.SetsOverview`; default: counted.

    Raises:
        HeatError: where a set cannot be opened.
    """
    e, sizes = experiment, inspect_sets(experiment).sizes if sizes is None else sizes
    total, training_images = sum(sizes.values()), math.ceil(e.share * sizes.get(TRAIN, 0))
    training, dim = throughput.training_throughput(e.preset), throughput.feature_dimension(e.backbone)
    seconds = sum(throughput.multiply_adds(e, prior, training_images, dim) for prior in e.priors) / training.rate
    if e.backbone == FEATURES:
        return Estimate(total, None, seconds, training_like=training.run)
    extraction = throughput.extraction_throughput(e.backbone, e.image_size)
    downloads = bool({TRAIN, ID, *e.ood} - set(sizes))
    return Estimate(total, total / extraction.rate, seconds, extraction.run, training.run, downloads)
