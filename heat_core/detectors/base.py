"""The interface of a detector: fit on training features, score others; larger = more out-of-distribution."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from heat_core.features import Features
from heat_core.heads import Head, log_softmax, logits_of

if TYPE_CHECKING:
    from heat_core.backbones import Backbone
    from heat_core.columns import Column
    from heat_core.experiment import Experiment

__all__ = ["Detector", "Head", "log_softmax", "logits_of"]


class Detector(ABC):
    """A method of the paper's tables.

    Attributes:
        title: as the tables call it. place: where they put it: below 100 what reads the logits, then the features
            (100), the images (200), what is trained (300). source: where it was published. published: hyper-parameters
            that the source gives for a whole ID set (cifar10, cifar100, imagenet), where they differ from the defaults.
        reads_images: whether it needs more of an image than `avg`, `std` and labels.
        head: the linear head (weight (C, D), bias (C,)) that reads `features.avg`.
    """

    title: ClassVar[str]
    source: ClassVar[str]
    place: ClassVar[int] = 199
    reads_images: ClassVar[bool] = False
    published: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init__(self, head: Head) -> None:
        self.head = head

    @classmethod
    def for_run(cls, head: Head, experiment: "Experiment", backbone: "Backbone") -> Self:
        """The detector with the values that its source publishes for this ID set, and what it must know of the network."""
        return cls(head, **cls.published.get(experiment.id_set, {}))

    @classmethod
    def train_columns(cls, backbone: "Backbone") -> tuple["Column", ...]:
        """Extra columns that `fit` reads; HeatError where this backbone cannot give them."""
        return ()

    def test_columns(self, backbone: "Backbone") -> tuple["Column", ...]:
        """Extra columns that `score` reads, once the detector is fitted."""
        return self.train_columns(backbone)

    def fit(self, train: Features) -> Self:
        return self

    @abstractmethod
    def score(self, features: Features) -> np.ndarray:
        """(N,) float64, larger = more out-of-distribution."""
