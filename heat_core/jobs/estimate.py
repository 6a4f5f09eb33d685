"""Estimate of an experiment's duration, from its number of images and the speed of earlier runs on this machine."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from heat_core.jobs import throughput
from heat_core.pipeline.experiment_sets import inspect_sets
from heat_core.runs.experiment import FEATURES, ID, TRAIN, Experiment


@dataclass(frozen=True)
class Estimate:
    """Estimated cost of an experiment.

    Attributes:
        samples: number of images to extract, or of samples of given features.
        extraction: seconds for extracting features; None where they are given.
        training: seconds for training the residuals, at most.
        extraction_like: id of the run whose speed of extraction was used; "" = a guess.
        training_like: id of the run whose speed of training was used; "" = a guess for two CPU cores.
        downloads: whether there are further sets, not counted, that must be downloaded first.
    """

    samples: int
    extraction: float | None
    training: float
    extraction_like: str = ""
    training_like: str = ""
    downloads: bool = False


def estimate(experiment: Experiment, sizes: Mapping[str, int] | None = None) -> Estimate:
    """Estimate the duration of an experiment; sets that must be downloaded first are not counted.

    Args:
        experiment: the experiment.
        sizes: number of images (samples) of each set, as in `experiment_sets.SetsOverview`; default: counted.

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
    downloads = bool({TRAIN, ID, *e.scored_sets} - set(sizes))
    return Estimate(total, total / extraction.rate, seconds, extraction.run, training.run, downloads)
