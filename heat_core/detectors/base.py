"""Base class of the detectors: fit on ID training features, then give other features OOD scores (larger = more OOD)."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from heat_core.arrays import require_head
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

#: The values of `Detector.evidence`: what a detector reads.
EVIDENCE = ("logits", "features", "both", "gradients")
ReportProgress = Callable[[str, float], None]


@dataclass(frozen=True)
class Context:
    """Facts about a run that a detector may need.

    Attributes:
        id_set: cifar10, cifar100 or imagenet, the ID set whose published hyper-parameters apply; "" for any other.
        training: the settings with which HEAT-GMM's residual is trained.
        seed: seed of all random numbers.
        backbone: the network, or None when the run has only features.
        on_progress: callback by which a slow fit reports its progress: a text and the seconds that remain.
    """

    id_set: str
    training: ResidualSettings
    seed: int
    backbone: "Backbone | None"
    on_progress: ReportProgress = no_progress

    def network(self, detector: str) -> "Backbone":
        """Return the backbone for `detector` (its title); HeatError when the run has only features."""
        if self.backbone is None:
            raise HeatError(f"{detector} reads the images, and this run has only their features.")
        return self.backbone


class Detector(ABC):
    """A method that gives every image an OOD score.

    In the formulas of the subclasses z (D,) is the feature `avg` of an image, w_c and b_c are the row and bias of class
    c in the head, f_c(z) = w_c·z + b_c its logit, C the number of classes, and ŷ the predicted class.

    Attributes:
        title: name in tables and figures.
        source: publication: authors, venue and arXiv number.
        place: sort key of the tables: below 100 for methods that read logits, from 100 for those that read features,
            from 200 for those that read images, from 300 for those that are trained.
        evidence: what the method reads: "logits" alone; "features" alone; "both", features together with the head;
            "gradients", whenever it uses gradients; "" if it is not stated.
        rectified: whether the method assumes activations after a ReLU and is known to fail on other features.
        reads_images: whether it needs more of an image than `avg`, `std` and the label.
        slow: whether it takes minutes because it reads the images again, needs extra columns of all sets, or trains. A
            run computes such methods after the residuals are trained.
        published: ID set (cifar10, cifar100, imagenet) → the constructor's arguments for which the source gives other
            values than the defaults.
        head: linear head (weight (C, D), bias (C,)) that reads `features.avg`.
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
        self.head = head if head is None else require_head(head)  # some methods read none

    @classmethod
    def for_run(cls, head: Head, context: Context) -> Self:
        """Make the detector for a run, with the hyper-parameters that its source publishes for the run's ID set."""
        return cls(head, **cls.published.get(context.id_set, {}))

    @classmethod
    def is_classifier_free(cls) -> bool:
        """Return whether the method needs no classifier, so that clusters of the features can replace the classes."""
        return cls.evidence == "features"

    @classmethod
    def train_columns(cls, backbone: "Backbone | None") -> tuple["Column", ...]:  # noqa: ARG003
        """List the extra feature columns that `fit` reads; HeatError if this backbone cannot compute them."""
        return ()

    def test_columns(self, backbone: "Backbone | None") -> tuple["Column", ...]:
        """List the extra feature columns that `score` reads, once the detector is fitted."""
        return self.train_columns(backbone)

    def fit(self, train: Features) -> Self:  # noqa: ARG002
        """Learn from the training features what `score` needs, and return the detector; by default there is nothing."""
        return self

    @abstractmethod
    def score(self, features: Features) -> np.ndarray:
        """Return the OOD score of each image, (N,) float64; a larger score is more out-of-distribution."""


def require_every_class(labels: np.ndarray, classes: int, who: str) -> None:
    """Raise a HeatError that names the detector `who` if one of the head's classes has no training image."""
    missing = np.setdiff1d(np.arange(classes), labels)
    if len(missing):
        raise HeatError(f"Class {missing[0]} has no training image: {who} needs some of every class.")
