"""How long an experiment will take: counted from its images, and from what this machine did in earlier runs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from heat_core.jobs import throughput
from heat_core.pipeline.validate_sets import overview
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
        sizes: how many images (samples) each set has, as in `layout.Overview`; by default they are counted.

    Raises:
        HeatError: where a set cannot be opened.
    """
    e, sizes = experiment, overview(experiment).sizes if sizes is None else sizes
    total, learned_from = sum(sizes.values()), math.ceil(e.share * sizes.get(TRAIN, 0))
    training, dim = throughput.of_training(e.preset), throughput.dimensions(e.backbone)
    seconds = sum(throughput.work(e, prior, learned_from, dim) for prior in e.priors) / training.rate
    if e.backbone == FEATURES:
        return Estimate(total, None, seconds, training_like=training.run)
    extraction = throughput.of_extraction(e.backbone, e.image_size)
    downloads = bool({TRAIN, ID, *e.ood} - set(sizes))
    return Estimate(total, total / extraction.rate, seconds, extraction.run, training.run, downloads)
