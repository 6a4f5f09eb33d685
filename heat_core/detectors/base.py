"""The interface of a detector: fit on training features, score others; larger = more out-of-distribution."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from heat_core.energies.settings import ResidualSettings
from heat_core.errors import HeatError
from heat_core.features.features import Features
from heat_core.features.heads import log_softmax, logits_of
from heat_core.progress import no_progress
from heat_core.types import Head

if TYPE_CHECKING:
    from heat_core.backbones.registry import Backbone
    from heat_core.features.columns import Column

__all__ = ["Context", "Detector", "Head", "log_softmax", "logits_of", "require_every_class"]

#: What a detector may judge by (`Detector.evidence`).
EVIDENCE = ("logits", "features", "both", "gradients")
ReportProgress = Callable[[str, float], None]


@dataclass(frozen=True)
class Context:
    """What a run can tell a detector.

    Attributes:
        id_set: cifar10, cifar100, imagenet or "": whose published values count.
        training: the settings that HEAT-GMM's residual is trained with.
        seed: of everything random.
        backbone: the network, or None where features were given.
        on_progress: how a slow fit says where it is: a sentence, and the seconds that are left.
    """

    id_set: str
    training: ResidualSettings
    seed: int
    backbone: "Backbone | None"
    on_progress: ReportProgress = no_progress

    def network(self, detector: str) -> "Backbone":
        """The backbone; HeatError where the run has only features."""
        if self.backbone is None:
            raise HeatError(f"{detector} reads the images, and this run has only their features.")
        return self.backbone


class Detector(ABC):
    """A method of the paper's tables.

    Attributes:
        title: as the tables call it.
        source: where it was published.
        place: where the tables put it: below 100 what reads the logits, then the features (100), the images (200), what
            is trained (300).
        evidence: what it judges by: "logits" alone; "features" alone; "both", where features are judged with the head's
            help; "gradients", where it follows some, whatever else it reads. "" where nobody said.
        rectified: whether it takes features for activations of maps after a ReLU, and is known to fail on others.
        reads_images: whether it needs more of an image than `avg`, `std` and labels.
        slow: whether it takes minutes, since it reads the images again, needs extra columns of all sets or trains. A
            run comes to it once the residuals are trained.
        published: hyper-parameters that the source gives for a whole ID set (cifar10, cifar100, imagenet), where they
            differ from the defaults.
        head: the linear head (weight (C, D), bias (C,)) that reads `features.avg`.
    """

    title: ClassVar[str]
    source: ClassVar[str]
    place: ClassVar[int] = 199
    evidence: ClassVar[str] = ""
    rectified: ClassVar[bool] = False
    reads_images: ClassVar[bool] = False
    slow: ClassVar[bool] = False
    published: ClassVar[dict[str, dict[str, Any]]] = {}

    def __init__(self, head: Head) -> None:
        self.head = head

    @classmethod
    def for_run(cls, head: Head, context: Context) -> Self:
        """The detector with the values that its source publishes for this ID set, and what it must know of the run."""
        return cls(head, **cls.published.get(context.id_set, {}))

    @classmethod
    def is_classifier_free(cls) -> bool:
        """Whether it asks no classifier, so that clusters of the features can stand for classes."""
        return cls.evidence == "features"

    @classmethod
    def train_columns(cls, backbone: "Backbone | None") -> tuple["Column", ...]:  # noqa: ARG003
        """Extra columns that `fit` reads; HeatError where this backbone cannot give them."""
        return ()

    def test_columns(self, backbone: "Backbone | None") -> tuple["Column", ...]:
        """Extra columns that `score` reads, once the detector is fitted."""
        return self.train_columns(backbone)

    def fit(self, train: Features) -> Self:  # noqa: ARG002
        """Learn what `score` needs from training features; returns itself. Here: nothing."""
        return self

    @abstractmethod
    def score(self, features: Features) -> np.ndarray:
        """(N,) float64, larger = more out-of-distribution."""


def require_every_class(labels: np.ndarray, classes: int, who: str) -> None:
    """HeatError where a class of the head has no training image."""
    missing = np.setdiff1d(np.arange(classes), labels)
    if len(missing):
        raise HeatError(f"Class {missing[0]} has no training image: {who} needs some of every class.")
